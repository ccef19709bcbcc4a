"""Which side is wrong where checkpoint, group and topic disagree."""

from dataclasses import replace
from typing import Any

import pytest

from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.drift import OK, GroupOffset, GroupVerdict, beside_loss, judge_group
from spark_jobs.progress.offsets import Loss, OffsetRange, Partition, Topic
from tests.ledger_rows import done_row
from tests.plans import plan_of

DONE = done_row(3, topic_id="id", ranges=(OffsetRange(0, 10, 20),))
PROGRESS = Progress(last_batch=3, topic_id="id", ends={0: 20}, last_done=DONE)
HEALTHY = Partition(0, 0, 25, 25)
AS_LEFT = GroupOffset(20, 3)


UNFINISHED = replace(
    PROGRESS,
    last_batch=4,
    unfinished=plan_of(4, (0, 20, 25), topic_id="id"),
)

CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "all agree": ({}, "ok", "", ""),
    "nothing was planned yet": ({"progress": Progress(), "group": None}, "unread", "", "no batch has been planned"),
    "a foreign group before the first batch": (
        {"progress": Progress(), "group": GroupOffset(5, None)},
        "moved",
        "group",
        "no batch of this partition was published",
    ),
    "a new partition": ({"partition": Partition(1, 0, 5, 5), "group": None}, "new", "", "begins at its earliest offset 0"),
    "a new partition that lost its beginning": (
        {"partition": Partition(1, 2, 5, 5), "group": None},
        "retention",
        "topic",
        "offsets 0 to 1 were deleted unread",
    ),
    "group moved back": ({"group": GroupOffset(5, None)}, "moved", "group", "is at 5, behind the checkpoint's 20"),
    "group moved on": ({"group": GroupOffset(22, None)}, "moved", "group", "is at 22, ahead of the checkpoint's 20"),
    "group moved back with an old proof": ({"group": GroupOffset(5, 2)}, "moved", "group", "checkpoint is right"),
    "group expired": ({"group": None}, "expired", "group", "the checkpoint's 20 is right"),
    "group proves a newer batch": (
        {"group": GroupOffset(25, 4)},
        "restored",
        "tables",
        "proves batch 4, the checkpoints end at batch 3",
    ),
    "an unfinished batch is published": (
        {"progress": UNFINISHED, "group": GroupOffset(25, 4)},
        "published",
        "",
        "only notes its end",
    ),
    "an unfinished batch is not published": ({"progress": UNFINISHED}, "ok", "", ""),
    "the first batch is planned and unread": (
        {"progress": replace(UNFINISHED, ends={}, last_done=None), "reading": {0: 20}, "partition": Partition(0, 20, 25, 25)}
        | {"group": None},
        "ok",
        "",
        "",
    ),
    "a decision moved the checkpoint": (
        {"progress": replace(PROGRESS, ends={0: 22})},
        "decided",
        "",
        "moved the checkpoint to 22",
    ),
    "retention": ({"partition": Partition(0, 24, 25, 25)}, "retention", "topic", "offsets 20 to 23 were deleted unread"),
    "truncated": ({"partition": Partition(0, 0, 7, 7)}, "truncated", "topic", "ends at 7, below the stored offset 20"),
    "expired, but the batch's records are stored": (
        {"progress": UNFINISHED, "partition": Partition(0, 24, 25, 25), "reading": {0: 25}},
        "ok",
        "",
        "",
    ),
    "recreated": ({"topic_id": "another"}, "recreated", "topic", "its id was id and is another"),
    "recreated, and never read before": (
        {"topic_id": "another", "partition": Partition(1, 0, 5, 5)},
        "recreated",
        "topic",
        "--adopt-topic",
    ),
    "adopted, nothing published since": (
        {"progress": replace(PROGRESS, topic_id="new", ends={0: 0}), "topic_id": "new", "group": None},
        "ok",
        "",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_says_which_side_is_wrong_and_why(case: str) -> None:
    given, cause, wrong, words = CASES[case]
    progress: Progress = given.get("progress", PROGRESS)
    partition: Partition = given.get("partition", HEALTHY)
    topic = Topic("readings", given.get("topic_id", "id"), (partition,))
    verdict = judge_group(progress, topic, partition, given.get("group", AS_LEFT), given.get("reading", progress.ends))
    assert (verdict.cause, verdict.wrong) == (cause, wrong)
    assert words in verdict.sentence
    assert bool(words) == bool(verdict.sentence)


@pytest.mark.proves("F155")
def test_a_log_that_holds_other_records_than_were_read_is_the_topics_fault_whatever_the_group_says() -> None:
    replaced, unknown = Loss(0, 20, 18, "replaced"), Loss(0, 20, 20, "replaced")
    assert beside_loss(OK, None) == OK
    for verdict in (
        OK,
        GroupVerdict("moved", "group", "the group is elsewhere"),
        GroupVerdict("unread", sentence="no batch yet"),
    ):
        found = beside_loss(verdict, replaced)
        assert (found.cause, found.wrong) == ("replaced", "topic")
        assert found.sentence.startswith(
            "it was read up to offset 20, but of the records that stood there then the log holds those before"
        )
        assert found.sentence.endswith("; the checkpoint is right, the topic lost records; go on with --accept-loss")
    assert "its log was put back from elsewhere" in beside_loss(OK, unknown).sentence
    for graver in (GroupVerdict("restored", "tables", "older"), GroupVerdict("recreated", "topic", "another")):
        assert beside_loss(graver, replaced) == graver

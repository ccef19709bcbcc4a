"""What a run made of each partition, compared with what others say of it."""

from dataclasses import replace

import pytest

from spark_jobs.progress.counts import Counts
from spark_jobs.progress.drift import GroupOffset
from spark_jobs.progress.ledger import Done
from spark_jobs.progress.offsets import OffsetRange, Rebuild
from spark_jobs.progress.verification import (
    Added,
    PartitionRead,
    added_of,
    differences_of,
    disagreements,
    groups_of,
    label_of,
    outcome,
    outcome_of,
    reads_of,
)
from tests.ledger_rows import done_row

ONE = PartitionRead(3, (4, 5), start=100, end=120, read=18, accepted=15, rejected=3, gaps=2, kept=15)
STORED = Counts(3, read=18, accepted=15, rejected=3, gaps=0)
AGREES = GroupOffset(120, 5)


def said(stored: Counts = STORED, group: GroupOffset | None = AGREES) -> list[str]:
    return list(disagreements(ONE, stored, group))


def done(batch: int, start: int, counts: Counts) -> Done:
    return done_row(batch, ranges=(OffsetRange(3, start, start + 10),), counts=(counts,))


def test_the_batches_of_a_run_are_added_up_per_partition() -> None:
    rows = [done(4, 100, Counts(3, 10, 9, 1, 0)), done(5, 110, Counts(3, 8, 6, 2, 2))]
    assert reads_of(rows) == {3: ONE}


def test_of_a_batch_that_only_averages_no_accepted_record_is_kept() -> None:
    row = replace(done(4, 0, Counts(3, 9, 7, 2, 0)), ranges=(OffsetRange(3, 0, 9),), keeps_records=False)
    one = reads_of([row])[3]
    assert (one.accepted, one.kept) == (7, 0)
    assert list(disagreements(one, Counts(3, 2, 0, 2, 0), GroupOffset(9, 4))) == []
    assert list(disagreements(one, Counts(3, 9, 7, 2, 0), GroupOffset(9, 4))) != []


def test_what_agrees_is_no_disagreement() -> None:
    assert said() == []


@pytest.mark.parametrize("stored", [Counts(3, 17, 14, 3, 0), Counts(3, 19, 15, 4, 0), Counts(3, 18, 16, 2, 0)])
def test_other_counts_in_the_table_are_told_with_both_figures(stored: Counts) -> None:
    (sentence,) = said(stored)
    assert sentence == (
        f"partition 3: the table records holds {stored.accepted} accepted and {stored.rejected} rejected records of batch 4 "
        "to 5, by the checkpoints it should hold 15 accepted and 3 rejected"
    )


@pytest.mark.parametrize(
    ("group", "words"),
    [
        (GroupOffset(119, 5), "at offset 119 with the proof of batch 5"),
        (GroupOffset(121, 5), "at offset 121 with the proof of batch 5"),
        (GroupOffset(120, 4), "at offset 120 with the proof of batch 4"),
        (GroupOffset(120, None), "at offset 120 with no proof of a batch"),
    ],
)
def test_a_group_that_is_not_where_the_batch_ended_is_told(group: GroupOffset, words: str) -> None:
    (sentence,) = said(group=group)
    assert words in sentence
    assert "batch 5 ended at 120: it was moved by hand, or somebody consumes with its name" in sentence


@pytest.mark.parametrize("group", [None, GroupOffset(500, 6)])
def test_a_group_that_expired_or_went_on_to_a_later_batch_is_no_disagreement(group: GroupOffset | None) -> None:
    assert said(group=group) == []


@pytest.mark.parametrize(("partitions", "most"), [(1, 20), (20, 20), (21, 20), (1000, 20), (1001, 20), (7, 1), (5, 3)])
def test_there_are_never_more_groups_than_allowed_and_each_partition_is_in_one(partitions: int, most: int) -> None:
    groups = groups_of(range(partitions), most)
    assert len(groups) <= most
    assert [number for one in groups for number in one] == list(range(partitions))
    assert (len(groups) == partitions) == (partitions <= most)


def test_a_thousand_partitions_make_twenty_groups_of_fifty() -> None:
    groups = groups_of(range(1000), 20)
    assert [label_of("t", groups[0]), label_of("t", groups[-1])] == ["t, partitions 0 to 49", "t, partitions 950 to 999"]
    assert len(groups) == 20


@pytest.mark.proves("F206")
def test_the_outcome_of_a_partition_is_one_short_line() -> None:
    read = "partition 3 of batches 4 to 5: 18 records read, 3 rejected, 2 gaps"
    assert outcome(ONE, AGREES, 0) == f"{read}; agrees with the table and the group"
    assert outcome(ONE, None, 0) == f"{read}; agrees with the table; the group has no offset"
    assert outcome(ONE, AGREES, 1) == f"{read}; DISAGREES in 1 place"
    single = PartitionRead(0, (3,), start=0, end=1442, read=1442, accepted=1441, rejected=1, kept=1441)
    assert outcome(single, AGREES, 2) == "partition 0 of batch 3: 1,442 records read, 1 rejected, 0 gaps; DISAGREES in 2 places"


def test_what_a_run_added_to_an_aggregate_is_that_of_the_batches_that_had_it() -> None:
    rows = [
        done(4, 100, Counts(3, 10, 9, 1, 0)),
        replace(done(5, 110, Counts(3, 8, 6, 2, 2)), groups={"hourly": 4, "daily": 1}),
        replace(done(6, 120, Counts(3, 8, 7, 1, 2)), groups={"hourly": 2}),
        replace(done(7, 130, Counts(3, 0, 0, 0, 0)), groups={"hourly": 3}, rebuild=Rebuild("hourly", 4, 9)),
    ]
    assert added_of(rows, "hourly") == Added("hourly", (5, 6, 7), groups=9, readings=6 + 7 + 9)
    assert added_of(rows, "daily") == Added("daily", (5,), groups=1, readings=6)


def test_tables_of_an_aggregate_agree_or_are_named_with_both_figures() -> None:
    told = Added("hourly", (5, 6), groups=6, readings=13)
    assert list(differences_of(told, told, 0)) == []
    assert outcome_of(told, 0) == "hourly of batches 5 to 6: 6 totals of 13 records; agrees with its tables"
    assert list(differences_of(told, replace(told, groups=5, readings=12), 1)) == [
        "hourly: the table hourly_contributions holds 5 groups of 12 records of batch 5 to 6, by the checkpoints it should hold "
        "6 groups of 13 records",
        "hourly: the table lacks 1 total of batch 5 to 6, or has them older",
    ]
    assert outcome_of(told, 2) == "hourly of batches 5 to 6: 6 totals of 13 records; DISAGREES in 2 places"

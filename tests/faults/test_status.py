"""What an operator sees before anything goes wrong: held back records, records about to expire, and which side is wrong."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from spark_jobs.answers.status import PartitionStatus
from spark_jobs.base.errors import DecisionNeeded
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.shown import status_of, verdicts
from tests.faults.topic_settings import WEEK_MS, alter_input
from tests.group import move_group
from tests.world import World

pytestmark = pytest.mark.group("KO")


def hours_ago(hours: float) -> int:
    return int((time.time() - hours * 3600) * 1000)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world(partitions=2)
    alter_input(world, {"retention.ms": str(WEEK_MS)})
    return world


@pytest.fixture
def read(world: World) -> World:
    """A pipeline with one batch behind it."""
    world.send(0, *some(4))
    world.send(1, *some(2))
    world.run()
    return world


@pytest.mark.proves("F03", "F04")
def test_the_run_and_the_status_say_since_when_how_many_records_are_held_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.send(0, *some(2))
    before = datetime.now(UTC)
    with world.open_transaction(0, *some(3)) as producer:
        world.run()
        first, second = status_of(world).partitions
        assert first.held is not None
        assert (first.held.offset, first.held.count, first.lag, second.held) == (2, 3, 0, None)
        assert first.held.since is not None
        assert abs((first.held.since - before).total_seconds()) < 60
        assert "held back by an open transaction: 3 records on partition 0, from offset 2 on, since " in caplog.text
        assert "find-hanging" not in caplog.text
        producer.commit_transaction(20)
    world.wait_until_stable(0)
    assert status_of(world).partitions[0].held is None


@pytest.mark.proves("F04")
def test_a_transaction_that_hangs_names_the_tool_that_ends_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(1, *some(2))
    with world.open_transaction(1, *some(3), timestamp=hours_ago(2)) as producer:
        world.run()
        topic = world.pipeline.input.topic
        assert f"kafka-transactions.sh --bootstrap-server HOST find-hanging --topic {topic} --partition 1" in caplog.text
        assert f"abort --topic {topic} --partition 1 --start-offset 2" in caplog.text
        caplog.clear()
        assert world.run() == []
        assert "(2 h ago)" in caplog.text, "a run that finds nothing new says it, too"
        producer.abort_transaction(20)


@pytest.mark.proves("F07", "F08")
def test_the_hours_until_the_oldest_unread_record_expires_are_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(0, *some(2), timestamp=hours_ago(150))
    world.send(0, *some(2))
    status = status_of(world)
    first, second = status.partitions
    assert first.expiry is not None
    assert first.expiry.hours_left == pytest.approx(18, abs=0.1)
    assert second.expiry is None
    assert status.expiring_within(17) == ()
    (sentence,) = status.expiring_within(19)
    assert sentence.startswith("partition 0: the oldest unread record")
    world.run()
    assert (
        f"partition 0: the oldest unread record, of {first.expiry.oldest:%Y-%m-%d %H:%M:%S} UTC, expires in 18.0 hours"
        in caplog.text
    )
    assert status_of(world).partitions[0].expiry is None, "everything is read"


@pytest.mark.proves("F08")
def test_a_run_warns_only_below_the_hours_of_its_settings(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(0, *some(1), timestamp=hours_ago(150))
    world.run(overrides=["limits.warn_retention_hours=17"])
    assert "expires in" not in caplog.text


@pytest.mark.proves("F08")
def test_records_behind_a_capped_plan_and_behind_aborted_ones_are_seen(world: World) -> None:
    world.send_in_transaction(0, *some(3), commit=False)
    world.send(0, *some(2), timestamp=hours_ago(100))
    assert hours_left(status_of(world).partitions[0]) == pytest.approx(168, abs=0.1), "an aborted record is the first"
    world.run_with_fault("after:done_commit:raise", overrides=["limits.max_records_per_batch=4"])
    assert hours_left(status_of(world).partitions[0]) == pytest.approx(68, abs=0.1)


def hours_left(partition: PartitionStatus) -> float | None:
    return partition.expiry.hours_left if partition.expiry else None


@pytest.mark.proves("F08", "F17")
@pytest.mark.parametrize(
    ("settings", "hours", "max_bytes"),
    [
        ({"retention.ms": "-1"}, float("inf"), None),
        ({"cleanup.policy": "compact"}, float("inf"), None),
        ({"cleanup.policy": "compact,delete", "retention.ms": str(WEEK_MS * 2)}, 336.0, None),
        ({"retention.bytes": "123456789"}, 168.0, 123456789),
    ],
    ids=["forever", "compact only", "compact and delete", "also by size"],
)
def test_what_the_topic_keeps_is_read_from_its_settings(
    world: World, settings: dict[str, str], hours: float, max_bytes: int | None
) -> None:
    alter_input(world, settings)
    world.send(0, b"x")
    status = status_of(world)
    assert (status.retention.hours, status.retention.max_bytes) == (hours, max_bytes)
    assert hours_left(status.partitions[0]) == (hours if hours == float("inf") else pytest.approx(hours, abs=0.1))


@pytest.mark.proves("F07")
def test_records_of_an_unfinished_batch_that_are_stored_need_no_topic_any_more(world: World) -> None:
    world.send(0, *some(4))
    world.run_with_fault("after:records_commit:raise")
    world.delete_records(0, 3)
    status = status_of(world)
    assert (status.partitions[0].verdict.cause, status.partitions[0].expiry, status.problems) == ("ok", None, ())
    world.run()
    world.assert_all_counted()


def move_on(world: World) -> None:
    world.send(0, *some(3))
    move_group(world, {0: 6})


DRIFTS: dict[str, tuple[Callable[[World], None], tuple[str, str], str]] = {
    "nothing": (lambda _: None, ("ok", ""), ""),
    "group moved back": (partial(move_group, offsets={0: 1}), ("moved", "group"), "partition 0: the group is at 1, behind"),
    "group moved on": (move_on, ("moved", "group"), "partition 0: the group is at 6, ahead of"),
    "group deleted": (World.delete_group, ("expired", "group"), "partition 1: the group has no offset"),
}


@pytest.mark.proves("F12", "F32", "F33")
@pytest.mark.parametrize(
    "drift", [pytest.param(name, marks=() if name == "group deleted" else pytest.mark.thorough) for name in DRIFTS]
)
def test_a_group_that_is_not_where_the_checkpoint_is_is_wrong_and_does_no_harm(
    read: World, drift: str, caplog: pytest.LogCaptureFixture
) -> None:
    move, verdict, warning = DRIFTS[drift]
    move(read)
    assert verdicts(read)[0] == verdict
    assert status_of(read).problems == ()
    read.send(0, *some(2))
    read.send(1, *some(1))
    read.run()
    assert ("the group" in caplog.text, warning in caplog.text) == (drift != "nothing", True)
    assert verdicts(read) == [("ok", ""), ("ok", "")]
    read.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("K22")
def test_a_published_batch_without_its_end_is_told_and_nothing_is_wrong(read: World) -> None:
    read.send(0, *some(3))
    read.run_with_fault("after:commit_transaction:raise")
    assert verdicts(read) == [("published", ""), ("published", "")]
    read.run()
    read.assert_all_counted()


@pytest.mark.proves("F12", "C7")
def test_tables_of_an_older_copy_are_the_side_that_is_wrong(read: World, tmp_path: Path) -> None:
    shutil.copytree(read.pipeline.lake, tmp_path / "copy")
    read.send(0, *some(3))
    read.run()
    older = status_of(read, f"lake={tmp_path / 'copy'}")
    assert (older.partitions[0].verdict.cause, older.partitions[0].verdict.wrong) == ("restored", "tables")
    assert "shows averages of batch 2" in str(older.problems[0])
    with pytest.raises(DecisionNeeded, match="Bring back the newest"):
        read.run(overrides=[f"lake={tmp_path / 'copy'}"])
    assert verdicts(read) == [("ok", ""), ("ok", "")]


@pytest.mark.proves("F07", "F18")
def test_retention_that_took_unread_records_is_the_topics_fault(read: World) -> None:
    read.send(0, *some(5))
    read.delete_records(0, 6)
    assert verdicts(read) == [("retention", "topic"), ("ok", "")]
    (problem,) = status_of(read).problems
    assert problem.settled_by == ("accept_loss",)
    read.run(accept_loss=True)
    assert verdicts(read) == [("ok", ""), ("ok", "")]


@pytest.mark.proves("F10", "F11", "C2")
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(1, marks=pytest.mark.thorough, id="shorter"),
        pytest.param(4, marks=pytest.mark.thorough, id="equal"),
        pytest.param(9, id="longer"),
    ],
)
def test_a_topic_created_anew_is_told_whatever_its_length_until_it_is_adopted(read: World, count: int) -> None:
    read.recreate_input(2)
    alter_input(read, {"retention.ms": str(WEEK_MS)})
    read.send(0, *some(count, day=17), timestamp=hours_ago(100))
    assert verdicts(read) == [("recreated", "topic")] * 2
    status = status_of(read)
    assert [one.settled_by for one in status.problems] == [("adopt_topic",)]
    assert [(one.lag, hours_left(one)) for one in status.partitions] == [(count, pytest.approx(68, abs=0.1)), (0, None)]
    read.run(adopt_topic=True)
    assert verdicts(read) == [("ok", ""), ("ok", "")]
    assert status_of(read).problems == ()


@pytest.mark.thorough
@pytest.mark.proves("F13")
def test_a_partition_added_is_new_and_nothing_is_wrong(read: World) -> None:
    read.add_partitions(3)
    read.send(2, *some(2))
    assert verdicts(read)[2] == ("new", "")
    read.run()
    assert verdicts(read) == [("ok", "")] * 3
    read.assert_all_counted()

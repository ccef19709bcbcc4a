"""Decisions of an operator: made per partition, signed, listed, and asked for in the same words wherever one looks."""

import getpass
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs.base.errors import DayfoldError, OffsetsLost
from spark_jobs.base.signature import OPERATOR
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.local.kafka.server import RunningKafka, start_kafka
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.progress.ledger import LedgerRow, Lost
from spark_jobs.progress.losses import LossEntry, losses_in
from tests import oracle
from tests.conftest import IMPATIENT, NewWorld
from tests.faults.batches import some
from tests.faults.shown import causes
from tests.stored import lake_of
from tests.world import World, make_world

pytestmark = pytest.mark.group("KO")

BATCH_HEADER = struct.Struct(">qi")
"""How a batch begins in a segment of Kafka's log: its first offset, and its length after these 12 bytes."""


def rows(world: World) -> list[LedgerRow]:
    return CheckpointLog(lake_of(world.pipeline)).rows


def entries(world: World) -> list[tuple[int, int | None, int | None, int | None]]:
    return [(one.partition, one.start, one.end, one.count) for one in losses_in(rows(world))]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[RunningKafka]:
    with start_kafka(tmp_path / "kafka", options=IMPATIENT, tied_to_us=True) as running:
        yield running


def cut_log(folder: Path, topic: str, partition: int, offset: int) -> None:
    """Take what stands at `offset` and after it out of a stopped broker's log, as an election of a replica that lags does."""
    (log,) = folder.rglob(f"{topic}-{partition}")
    (segment,) = log.glob("*.log")
    content, place = segment.read_bytes(), 0
    while place < len(content) and BATCH_HEADER.unpack_from(content, place)[0] < offset:
        place += BATCH_HEADER.size + BATCH_HEADER.unpack_from(content, place)[1]
    segment.write_bytes(content[:place])
    for stale in [*log.glob("*index"), *folder.rglob("recovery-point-offset-checkpoint"), *folder.rglob(".kafka_cleanshutdown")]:
        stale.unlink()


@pytest.mark.thorough
@pytest.mark.proves("F07", "F13", "F16", "F18")
def test_a_truncated_an_expired_a_healthy_and_a_new_partition_each_get_their_own_decision(
    tmp_path: Path, own_kafka: RunningKafka, spark: SparkSession
) -> None:
    world = make_world(tmp_path, own_kafka.bootstrap, lambda: spark, partitions=3)
    for count in (2, 3):
        world.send(0, *some(count))
    world.send(1, *some(4))
    world.send(2, *some(3))
    world.run()
    own_kafka.kill()
    cut_log(own_kafka.folder, world.pipeline.input.topic, 0, 2)
    with start_kafka(own_kafka.folder, options=IMPATIENT, tied_to_us=True) as restarted:
        assert restarted.bootstrap == world.bootstrap
        world.add_partitions(4)
        world.send(0, *some(1, day=17))
        world.send(1, *some(5, day=17))
        world.delete_records(1, 6)
        world.send(2, *some(2, day=17))
        world.send(3, *some(1, day=17))
        assert causes(world) == ["truncated", "retention", "ok", "new"]
        with pytest.raises(OffsetsLost) as caught:
            world.run()
        told = str(caught.value).splitlines()
        assert told[1].startswith(
            "partition 0: it was read up to offset 5, but of the records that stood there then the log holds those before "
            "offset 2"
        )
        assert told[2] == "partition 1: offsets 4 to 5 (2 records) are gone; first available is 6"
        assert told[3].startswith("Run again with --accept-loss (in Airflow: trigger the DAG with the parameter accept_loss)")
        assert len(told) == 4
        (done,) = world.run(accept_loss=True)
        assert [(one.start, one.end) for one in done.ranges] == [(2, 3), (6, 9), (3, 5), (0, 1)]
        assert entries(world) == [(0, 2, 5, 3), (1, 4, 6, 2)]
        assert {one.cause for one in losses_in(rows(world))} == {"replaced", "retention"}
        world.send(0, *some(2, day=18))
        (done,) = world.run()
        assert [one.read for one in done.counts] == [2, 0, 0, 0]
        assert causes(world) == ["ok"] * 4


@pytest.mark.proves("F07", "F18")
def test_an_accepted_loss_is_signed_and_moves_no_other_partition(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(0, *some(2))
    world.send(1, *some(3))
    world.run()
    world.send(0, *some(4))
    world.delete_records(0, 5)
    monkeypatch.setenv(OPERATOR, "anna")
    world.run(accept_loss=True, run_id="manual__1")
    (entry,) = losses_in(rows(world))
    assert isinstance(entry, LossEntry)
    assert (entry.partition, entry.start, entry.end, entry.count, entry.cause) == (0, 2, 5, 3, "retention")
    assert (entry.batch, entry.run_id) == (1, "manual__1")
    assert entry.who.startswith(f"anna ({getpass.getuser()}@")
    assert datetime.now(UTC) - entry.at < timedelta(minutes=2)
    (decided,) = [row for row in rows(world) if isinstance(row, Lost)]
    assert [one.partition for one in decided.losses] == [0]
    assert decided.by is not None
    assert decided.by.run_id == "manual__1"


@pytest.mark.proves("F10", "F11")
def test_an_adopted_topic_says_where_the_old_one_was_left_and_all_decisions_are_signed(world: World) -> None:
    world.send(0, *some(4))
    world.run()
    world.send(0, *some(3))
    world.send(1, *some(2))
    world.run_with_fault("after:plan_commit:raise")
    world.recreate_input(3)
    world.send(0, *some(5, day=17))
    world.run(abandon=True, adopt_topic=True)
    assert entries(world) == [(0, 4, 7, 3), (1, 0, 2, 2), (2, 0, 0, 0)]
    states = [row.state for row in rows(world)]
    assert states == ["PLANNED", "DONE", "PLANNED", "ABANDONED", "ADOPTED", "PLANNED", "DONE"]
    signed = {row.state: sorted(row.by.stored) for row in rows(world) if row.by}
    assert signed == {state: ["host", "run_id", "user"] for state in ("PLANNED", "DONE", "ABANDONED", "ADOPTED")}


@pytest.mark.thorough
@pytest.mark.proves("F10", "F11")
def test_what_an_adopted_topic_held_beyond_the_last_batch_is_not_invented(world: World) -> None:
    world.send(0, *some(4))
    world.run()
    world.recreate_input(3)
    world.run(adopt_topic=True)
    assert entries(world) == [(0, 4, None, None), (1, 0, None, None), (2, 0, None, None)]


def test_a_first_run_that_remembers_its_place_is_listed(new_world: NewWorld) -> None:
    world = new_world(input={"start": "latest"})
    world.send(0, *some(3))
    world.run()
    assert {one.cause for one in losses_in(rows(world))} == {"first run began at latest"}


@pytest.mark.proves("F07", "F10", "K07")
@pytest.mark.parametrize("fault", ["after:plan_commit", "after:records_commit"])
@pytest.mark.parametrize("trouble", ["expired", "recreated"])
def test_looking_ahead_asks_for_exactly_what_the_run_then_asks_for(world: World, fault: str, trouble: str) -> None:
    world.send(0, *some(4))
    world.run_with_fault(f"{fault}:raise")
    if trouble == "expired":
        world.delete_records(0, 2)
    else:
        world.recreate_input(3)
        world.send(0, *some(1, day=17))
    foreseen = [str(problem) for problem in look_ahead(world.pipeline, {}).problems]
    assert foreseen == stop_of(world)


def stop_of(world: World) -> list[str]:
    """What a run stops with, if it does."""
    try:
        world.run()
    except DayfoldError as error:
        return [str(error)]
    return []


@pytest.mark.thorough
@pytest.mark.proves("K11")
def test_a_decision_that_was_not_needed_changes_nothing(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.send(0, *some(2))
    world.run(accept_loss=True, adopt_topic=True)
    assert entries(world) == []
    assert oracle.stored_batches(world.tables)[2][0] == (2, 4)
    world.assert_all_counted()

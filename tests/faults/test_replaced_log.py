"""A partition that lost its end and grew again: offsets that were counted hold other records, and nothing is out of range."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import OffsetsLost
from spark_jobs.broker.cluster import connect
from spark_jobs.local.kafka.server import start_kafka
from tests import oracle
from tests.conftest import IMPATIENT
from tests.faults.audited import audited
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.shown import status_of
from tests.truncation import cut_log
from tests.world import World, make_world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

COUNTED, LEFT = 6, 4


@pytest.fixture
def broker_folder(tmp_path: Path) -> Path:
    return tmp_path / "kafka"


@pytest.fixture
def replaced(tmp_path: Path, broker_folder: Path, spark: "SparkSession") -> Iterator[World]:
    """One batch of partitions 0 and 1; then the last two records of partition 0 are gone, and five others written."""
    with start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True) as running:
        world = make_world(tmp_path, running.bootstrap, lambda: spark, 2)
        for day in range(1, COUNTED + 1):
            world.send(0, *some(1, day))
        world.send(1, *some(2))
        world.run()
    cut_log(broker_folder, world.pipeline.input.topic, 0, LEFT)
    with start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True) as running:
        assert running.bootstrap == world.bootstrap
        for day in range(11, 16):
            world.send(0, *some(1, day))
        yield world


@pytest.mark.proves("F155")
def test_a_log_that_was_truncated_and_has_grown_again_stops_until_the_loss_is_accepted(replaced: World) -> None:
    told = f"partition 0: it was read up to offset {COUNTED}, .* the log holds those before offset {LEFT} alone"
    status = status_of(replaced)
    assert [(one.verdict.cause, one.verdict.wrong) for one in status.partitions] == [("replaced", "topic"), ("ok", "")]
    (problem,) = status.problems
    with pytest.raises(OffsetsLost, match=told) as caught:
        replaced.run()
    assert str(caught.value) == str(problem)
    assert caught.value.exit_code == 65
    assert states(replaced) == ["PLANNED", "DONE"]
    (done,) = replaced.run(accept_loss=True)
    assert [(one.start, one.end) for one in done.ranges] == [(LEFT, LEFT + 5), (2, 2)]
    assert states(replaced) == ["PLANNED", "DONE", "LOSS", "PLANNED", "DONE"]
    days = {day.day: row[1] for (number, day), row in oracle.found_averages(replaced.tables).items() if number == 0}
    assert days == dict.fromkeys([*range(1, COUNTED + 1), *range(11, 16)], 1), "each record that was ever seen counts once"
    assert audited(replaced, deep=True).differences == ()
    assert replaced.run() == []


@pytest.mark.proves("F188")
@pytest.mark.parametrize("records", [True, False])
def test_a_log_that_is_cut_while_spark_reads_it_is_not_counted_as_what_was_planned(
    tmp_path: Path, broker_folder: Path, spark: "SparkSession", records: bool
) -> None:
    """The plan is made and its topic looked at; before Spark begins,
    two of the records that are to be read give their offsets to others.
    """
    with ExitStack() as brokers:
        before = brokers.enter_context(ExitStack())
        bootstrap = before.enter_context(start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True)).bootstrap
        world = make_world(tmp_path, bootstrap, lambda: asked_for_spark(), 2, records=records)
        for day in range(1, COUNTED + 1):
            world.send(0, *some(1, day))
        world.send(1, *some(2))

        left = [before]

        def asked_for_spark() -> "SparkSession":
            if left:
                left.pop().close()
                replace()
            return spark

        def replace() -> None:
            cut_log(broker_folder, world.pipeline.input.topic, 0, LEFT)
            brokers.enter_context(start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True))
            for day in range(11, 16):
                world.send(0, *some(1, day))

        with pytest.raises(OffsetsLost, match=f"partition 0: .* the log holds those before offset {LEFT} alone"):
            world.run()
        assert not left
        assert states(world) == ["PLANNED"]
        (done,) = world.run(abandon=True, accept_loss=True)
        assert [(one.start, one.end) for one in done.ranges] == [(0, LEFT + 5), (0, 2)]
        days = {day.day: row[1] for (number, day), row in oracle.found_averages(world.tables).items() if number == 0}
        assert days == dict.fromkeys([*range(1, LEFT + 1), *range(11, 16)], 1)
        assert world.run() == []
        assert audited(world, deep=True).differences == ()


@pytest.mark.proves("F155")
@pytest.mark.parametrize("more", [0, 5], ids=["cut", "cut and grown again"])
def test_a_batch_whose_records_are_stored_is_finished_although_its_log_was_cut(
    tmp_path: Path, broker_folder: Path, spark: "SparkSession", more: int
) -> None:
    """The marker of a transaction is gone with its records, and its offset may hold a record by now."""
    with start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True) as running:
        world = make_world(tmp_path, running.bootstrap, lambda: spark, 2)
        for day in range(1, LEFT + 1):
            world.send(0, *some(1, day))
        world.send_in_transaction(0, *some(2, LEFT + 1), commit=True)
        assert world.run_with_fault("after:records_commit:raise")
    cut_log(broker_folder, world.pipeline.input.topic, 0, LEFT)
    with start_kafka(broker_folder, options=IMPATIENT, tied_to_us=True):
        for day in range(11, 11 + more):
            world.send(0, *some(1, day))
        with pytest.raises(OffsetsLost, match="partition 0"):
            world.run()
        assert states(world) == ["PLANNED", "DONE"]
        world.run(accept_loss=True)
        counts = {day.day: row[1] for (number, day), row in oracle.found_averages(world.tables).items() if number == 0}
        assert counts == {**dict.fromkeys([*range(1, LEFT + 1), *range(11, 11 + more)], 1), LEFT + 1: 2}
        assert audited(world, deep=True).differences == ()


@pytest.mark.proves("F155")
@pytest.mark.usefixtures("replaced")
def test_a_leader_that_changed_is_no_loss(replaced: World) -> None:
    """What was read stands on partition 1, whose leader is another one now as well."""
    with connect(load_kafka_settings(replaced.pipeline.kafka, {})) as broker:
        topic = broker.topic(replaced.pipeline.input.topic)
        assert all(one.epoch for one in topic.partitions)
        assert broker.find_cut(topic.name, {0: (LEFT, 0), 1: (2, 0)}) == {}
        assert broker.find_cut(topic.name, {0: (LEFT + 1, 0), 1: (2, 0)}) == {0: LEFT}

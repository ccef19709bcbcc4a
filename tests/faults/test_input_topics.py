"""What the input side may do to a pipeline, on the real broker: nothing is lost silently, and every stop names the way on."""

import shutil

import pytest
from confluent_kafka import TopicPartition
from delta.tables import DeltaTable as SparkDeltaTable
from deltalake import DeltaTable

from spark_jobs.errors import (
    ConfigurationError,
    DecisionNeeded,
    OffsetsLost,
    TableDamaged,
    TooManyRejected,
    TopicRecreated,
    UsageError,
)
from spark_jobs.local.kafka_server import create_topics
from tests import oracle
from tests.conftest import NewWorld
from tests.world import World, reading

pytestmark = pytest.mark.group("KO")


def some(count: int, day: int = 16) -> list[bytes]:
    return [reading(f"{day}/12/2006 17:{minute:02}:00", f"23{minute % 10}.84") for minute in range(count)]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


def states(world: World) -> list[str]:
    table = DeltaTable(f"{world.tables}/checkpoints").to_pyarrow_dataset().to_table(use_threads=False)
    return [str(state) for state in table.sort_by("sequence")["state"].to_pylist()]


def test_nothing_to_read_writes_nothing(world: World) -> None:
    assert world.run() == []
    assert not DeltaTable.is_deltatable(f"{world.tables}/checkpoints")


def test_a_first_run_may_start_at_the_end_and_remembers_where(new_world: NewWorld) -> None:
    world = new_world(input={"start": "latest"})
    world.send(0, *some(3))
    assert world.run() == []
    world.sent.clear()
    world.send(0, *some(2))
    world.run()
    world.assert_all_counted()


def test_a_partition_added_is_read_from_its_beginning(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.add_partitions(5)
    world.send(4, *some(3))
    world.run()
    world.assert_all_counted()


def test_a_backlog_beyond_the_limit_becomes_several_batches_of_one_run(world: World) -> None:
    world.send(0, *some(7))
    world.send(1, *some(2))
    done = world.run(overrides=["limits.max_records_per_batch=4"])
    assert [sum(one.span for one in row.ranges) for row in done] == [4, 4, 1]
    world.assert_all_counted()


def test_a_closed_day_is_reopened_by_late_records_with_a_higher_revision(world: World) -> None:
    for day in (16, 17, 16):
        world.send(0, *some(2, day))
        world.run()
    world.assert_all_counted()
    output = world.output()[0]
    assert [(record[0], record[3]) for record in output] == [("2006-12-16", 1), ("2006-12-17", 1), ("2006-12-16", 2)]


def test_transaction_markers_and_aborted_records_are_gaps_and_never_readings(world: World) -> None:
    world.send_in_transaction(0, *some(2), commit=True)
    world.send_in_transaction(0, *some(5), commit=False)
    world.send_in_transaction(1, *some(1), commit=False)
    world.send(0, *some(1))
    (done,) = world.run()
    assert {one.partition: (one.read, one.gaps) for one in done.counts} == {0: (3, 7), 1: (0, 2), 2: (0, 0)}
    world.assert_all_counted()
    assert world.run() == [], "trailing markers are no new data"


def test_a_batch_of_nothing_but_markers_moves_on_and_survives_a_kill(world: World) -> None:
    world.send(0, *some(1))
    world.run()
    world.send_in_transaction(0, *some(3), commit=False)
    assert world.run_with_fault("after:records_commit:raise")
    (done,) = world.run()
    assert sum(one.gaps for one in done.counts) == 4
    world.assert_all_counted()


def test_an_open_transaction_holds_records_back_until_it_ends(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(0, *some(2))
    with world.open_transaction(0, *some(3)) as producer:
        (done,) = world.run()
        assert done.ranges[0].end == 2
        assert "held back by an open transaction: 3 records on partition 0" in caplog.text
        producer.commit_transaction(20)
    world.wait_until_stable(0)
    world.run()
    world.assert_all_counted()


def test_records_deleted_before_they_were_read_stop_the_run_until_the_loss_is_accepted(world: World) -> None:
    world.send(0, *some(2))
    world.send(1, *some(1))
    world.run()
    world.send(0, *some(5))
    world.send(1, *some(1))
    world.delete_records(0, 4)
    with pytest.raises(OffsetsLost, match=r"partition 0: offsets 2 to 3 \(2 records\) are gone; first available is 4") as caught:
        world.run()
    assert caught.value.exit_code == 65
    assert "--accept-loss" in str(caught.value)
    assert states(world) == ["PLANNED", "DONE"]
    world.sent = [one for one in world.sent if (one.partition, one.offset) not in {(0, 2), (0, 3)}]
    world.run(accept_loss=True)
    assert states(world) == ["PLANNED", "DONE", "LOSS", "PLANNED", "DONE"]
    world.assert_all_counted()


def test_a_first_run_begins_where_the_log_begins_without_any_loss(world: World) -> None:
    world.send(0, *some(5))
    world.delete_records(0, 3)
    world.sent = world.sent[3:]
    world.run()
    world.assert_all_counted()


@pytest.mark.parametrize("count", [1, 9], ids=["shorter", "longer"])
def test_a_topic_created_anew_stops_the_run_until_it_is_adopted(world: World, count: int) -> None:
    world.send(0, *some(4))
    world.run()
    world.recreate_input(3)
    world.send(0, *some(count, day=17))
    with pytest.raises(TopicRecreated, match="--adopt-topic"):
        world.run()
    (done,) = world.run(adopt_topic=True)
    assert (done.batch, done.ranges[0].start, done.ranges[0].end) == (2, 0, count)
    contributions = oracle.found_contributions(world.tables)
    assert sorted(row[1] for row in contributions.values()) == sorted([4, count])


def test_an_unfinished_batch_whose_records_are_gone_is_abandoned_by_command(world: World) -> None:
    world.send(0, *some(4))
    world.run_with_fault("after:plan_commit:raise")
    world.delete_records(0, 3)
    with pytest.raises(OffsetsLost, match="--abandon --accept-loss"):
        world.run()
    with pytest.raises(OffsetsLost, match="offsets 0 to 2"):
        world.run(abandon=True)
    (done,) = world.run(accept_loss=True)
    assert (done.batch, done.ranges[0].start) == (2, 3)
    assert states(world) == ["PLANNED", "ABANDONED", "LOSS", "PLANNED", "DONE"]


def test_the_input_created_anew_under_an_unfinished_batch_is_told(world: World) -> None:
    world.send(0, *some(4))
    world.run_with_fault("after:plan_commit:raise")
    world.recreate_input(3)
    world.send(0, *some(6))
    with pytest.raises(DecisionNeeded, match="--abandon --adopt-topic"):
        world.run()
    (done,) = world.run(abandon=True, adopt_topic=True)
    assert (done.batch, done.ranges[0].end) == (2, 6)


def test_too_many_rejected_stop_the_run_before_anything_is_averaged(world: World) -> None:
    world.send(0, *some(3), b"junk", None, b"junk")
    world.send(1, reading("31/02/2006 00:00:00", "1"))
    strict = ["limits.max_rejected_fraction=0.5"]
    with pytest.raises(TooManyRejected) as caught:
        world.run(overrides=strict)
    text = str(caught.value)
    assert "batch 1: 4 of 7 records were rejected (57.14%, allowed 50.00%)" in text
    assert "2 x NOT_JSON, for example partition 0 offset 3" in text
    assert "1 x TOMBSTONE, for example partition 0 offset 4" in text
    assert "1 x BAD_TIME, for example partition 1 offset 0" in text
    assert DeltaTable(f"{world.tables}/contributions").to_pyarrow_dataset().count_rows() == 0
    with pytest.raises(TooManyRejected):
        world.run(overrides=strict)
    world.run(overrides=["limits.max_rejected_fraction=1"])
    world.assert_all_counted()


def test_a_batch_with_wrong_settings_is_abandoned_and_read_again_with_the_right_ones(world: World) -> None:
    world.send(0, *some(3))
    wrong = ["limits.max_rejected_fraction=0", "input.time.format=yyyy-MM-dd HH:mm:ss"]
    with pytest.raises(TooManyRejected):
        world.run(overrides=wrong)
    (done,) = world.run(overrides=["limits.max_rejected_fraction=0"], abandon=True)
    assert (done.batch, done.counts[0].accepted) == (2, 3)
    assert states(world) == ["PLANNED", "ABANDONED", "PLANNED", "DONE"]
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}


@pytest.mark.parametrize("point", ["before:abandon_delete", "after:abandon_delete"])
def test_a_kill_while_a_batch_is_abandoned_is_mended_by_asking_again(world: World, point: str) -> None:
    world.send(0, *some(3), b"junk")
    strict = ["limits.max_rejected_fraction=0"]
    with pytest.raises(TooManyRejected):
        world.run(overrides=strict)
    assert world.run_with_fault(f"{point}:raise", abandon=True)
    with pytest.raises(TableDamaged, match=r"about to be abandoned.*--abandon"):
        world.run()
    world.run(abandon=True)
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}


def test_a_batch_that_was_averaged_cannot_be_abandoned(world: World) -> None:
    world.send(0, *some(3))
    world.run_with_fault("after:contributions_commit:raise")
    with pytest.raises(DecisionNeeded, match="has been averaged already"):
        world.run(abandon=True)
    world.run()
    world.assert_all_counted()
    with pytest.raises(UsageError, match="no unfinished batch"):
        world.run(abandon=True)


def test_a_deleted_group_after_the_commit_does_not_publish_twice(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("after:commit_transaction:raise")
    world.delete_group()
    world.run()
    output = world.output()[0]
    assert [record[2] for record in output] == [1, 2]


def test_a_deleted_group_before_the_commit_does_not_skip_the_publication(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("before:commit_transaction:raise")
    world.delete_group()
    world.run()
    world.assert_all_counted()


def test_a_proof_that_nobody_can_find_any_more_is_the_operators_decision(world: World) -> None:
    world.send(0, *some(3))
    world.run_with_fault("after:commit_transaction:raise")
    world.delete_group()
    out = world.pipeline.output.topic
    world.admin.delete_records([TopicPartition(out, 0, 1)])[TopicPartition(out, 0, 1)].result(20)
    with pytest.raises(DecisionNeeded, match="--published yes or --published no"):
        world.run()
    world.run(published=True)
    assert world.output() == {}
    assert states(world) == ["PLANNED", "DONE"]


def test_topics_with_different_partition_counts_are_refused(new_world: NewWorld) -> None:
    world = new_world(output={"topic": "two-partitions-only"})
    create_topics(world.bootstrap, {"two-partitions-only": 2})
    with pytest.raises(ConfigurationError, match=r"has 3 partitions and two-partitions-only has 2"):
        world.run()


def test_a_missing_output_topic_is_named(new_world: NewWorld) -> None:
    world = new_world(output={"topic": "never-created"})
    world.send(0, *some(1))
    with pytest.raises(ConfigurationError, match="never-created"):
        world.run()


def test_deleted_tables_are_noticed_instead_of_counting_everything_again(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    moved = world.pipeline.model_copy(update={"lake": f"{world.pipeline.lake}-elsewhere"})
    with pytest.raises(DecisionNeeded, match=r"proves that batch 1 was published, but the checkpoints .* end at batch 0"):
        world.run(overrides=[f"lake={moved.lake}"])


def test_a_table_dropped_and_created_again_is_noticed(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    location = f"{world.tables}/contributions"
    schema = DeltaTable(location).schema()
    shutil.rmtree(location)
    DeltaTable.create(location, schema)
    world.send(0, *some(1))
    with pytest.raises(TableDamaged, match="contributions: it was dropped and created again"):
        world.run()


def test_records_restored_to_before_the_batch_are_noticed_on_resume(world: World) -> None:
    world.send(0, *some(3))
    world.run()
    world.send(0, *some(3))
    world.run_with_fault("after:records_commit:raise")
    SparkDeltaTable.forPath(world.spark(), f"{world.tables}/records").restoreToVersion(1)
    with pytest.raises(TableDamaged, match=r"was the table restored.*--abandon"):
        world.run()

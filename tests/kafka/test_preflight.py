"""What would stop a run only after its work is said by plan and by run, before anything is stored: a group of another kind, a
transaction that no broker allows; and a batch that has stopped a run before.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.broker.group_kind import NOT_OF_CONSUMERS, ConsumerGroup
from spark_jobs.broker.publisher import OutputRecord, Publisher
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.evidence import look
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.outlook.obstacles import find_problems
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.ledger import Counted, counted_row
from tests.conftest import NewTopic
from tests.kafka.share_groups import join_share_group
from tests.stored import SIZE, lake_of, plan_batch, ranges, store_records, stored_pipeline
from tests.submitted import wait_until
from tests.world import World, reading, world_without_spark

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(tmp_path: Path, kafka: RunningKafka) -> Iterator[World]:
    """A pipeline with something to read."""
    with world_without_spark(tmp_path, kafka.bootstrap, 1) as found:
        found.send(0, reading("23/12/2006 16:52:00", "239.94"))
        yield found


def refused(world: World) -> str:
    """The one sentence of plan and run."""
    with pytest.raises(ConfigurationError) as planned:
        look_ahead(world.pipeline, {})
    with pytest.raises(ConfigurationError) as ran:
        world.run()
    assert str(planned.value) == str(ran.value)
    assert not Path(world.pipeline.lake).exists()
    return str(ran.value)


@pytest.mark.proves("F214")
def test_a_share_group_of_the_pipelines_name_is_refused_before_anything_is_planned(world: World) -> None:
    name, topic = world.pipeline.name, world.pipeline.input.topic
    assert look_ahead(world.pipeline, {}).count == 1
    join_share_group(world.bootstrap, name, topic)
    kafka = load_kafka_settings(world.pipeline.kafka, {})
    with connect(kafka) as broker:
        assert broker.find_group(name) == ConsumerGroup(name, NOT_OF_CONSUMERS)
    said = refused(world)
    assert said.startswith(f"the group {name} at {world.bootstrap} is a share or streams group, which takes no offsets of a run")
    publisher = Publisher.open(kafka, name)
    publisher.fence()
    average, ends = OutputRecord(0, b"2006-12-23", b"{}", ()), [TopicPartition(topic, 0, 1)]
    with pytest.raises(ConfigurationError) as late:
        publisher.publish(world.pipeline.output_name, [average], ends)
    assert str(late.value) == said


@pytest.mark.proves("F214")
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_consumers_in_the_group_hinder_no_run(world: World, protocol: str) -> None:
    name, topic = world.pipeline.name, world.pipeline.input.topic
    stranger = Consumer({"bootstrap.servers": world.bootstrap, "group.id": name, "group.protocol": protocol})
    stranger.subscribe([topic])
    wait_until(lambda: stranger.poll(0.1) is None and bool(stranger.assignment()), "the stranger to be in the group")
    kafka = load_kafka_settings(world.pipeline.kafka, {})
    with connect(kafka) as broker:
        assert broker.find_group(name) == ConsumerGroup(name, "Stable")
    assert look_ahead(world.pipeline, {}).count == 1
    publisher = Publisher.open(kafka, name)
    publisher.fence()
    assert publisher.publish(world.pipeline.output_name, [OutputRecord(0, b"a", b"{}", ())], [TopicPartition(topic, 0, 1)]) == 1
    stranger.close()


@pytest.mark.proves("F212")
def test_a_transaction_that_may_not_last_so_long_is_told_by_plan_and_by_run(world: World) -> None:
    path = world.pipeline.kafka
    path.write_text(f"bootstrap.servers={world.bootstrap}\ntransaction.timeout.ms=900001\n")
    assert refused(world) == (
        f"{path}: transaction.timeout.ms is 900001, and the brokers at {world.bootstrap} allow at most 900000 "
        "(transaction.max.timeout.ms); lower the one, or let somebody raise the other"
    )
    path.write_text(f"bootstrap.servers={world.bootstrap}\ntransaction.timeout.ms=900000\n")
    assert look_ahead(world.pipeline, {}).notes == ()


@pytest.mark.proves("F213")
@pytest.mark.parametrize("records", ["on", "off"])
def test_a_batch_of_which_too_much_was_rejected_is_told_by_plan(
    tmp_path: Path, broker: Broker, new_topic: NewTopic, records: str
) -> None:
    source, target = new_topic(2), new_topic(2)
    overrides = [f"name=p_{source[-8:]}", f"input.topic={source}", f"output.topic={target}", f"records={records}"]
    pipeline = stored_pipeline(tmp_path, 1, *overrides)
    plan_batch(pipeline, 2, keeps_records=records == "on")
    log = CheckpointLog(lake_of(pipeline))
    (recreated,) = problems_of(broker, pipeline)
    assert "were rejected" not in str(recreated)
    store_records(lake_of(pipeline), 2, only_rejected=records == "off")
    if records == "off":
        tally = Tally(tuple(Counts(one.partition, SIZE, SIZE - 1, 1, 0) for one in ranges(2)), 0, {})
        log.append(told(log, tally))
    problem, *_ = problems_of(broker, pipeline)
    assert str(problem).splitlines()[:2] == [
        "batch 2: 2 of 10 records were rejected (20.00%, allowed 1.00%)",
        "  2 x EMPTY, for example partition 0 offset 5",
    ]
    assert "--set limits.max_rejected_fraction=1" in str(problem)
    accepting = load_pipeline(tmp_path / "p.yaml", overrides=[*overrides, "limits.max_rejected_fraction=0.2"])
    problems = problems_of(broker, accepting)
    assert [one for one in map(str, problems) if "were rejected" in one] == []


def problems_of(broker: Broker, pipeline: Pipeline) -> tuple[DecisionNeeded, ...]:
    return find_problems(broker, pipeline, look(broker, pipeline, CheckpointLog(lake_of(pipeline)).progress))


def told(log: CheckpointLog, tally: Tally) -> Counted:
    plan = log.progress.unfinished
    assert plan is not None
    return counted_row(plan, tally, "run", log.rows[-1].at)

"""A first look at a topic of one's own: the pipeline file that `dayfold init` writes,
and what `plan --sample` says of the next messages.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.beginning.first_pipeline import WantedPipeline, WrittenPipeline, write_pipeline
from spark_jobs.beginning.output_topic import create_output_topic
from spark_jobs.beginning.sample import Sample, sample_next, sample_notes, sample_sentence
from spark_jobs.beginning.some_messages import first_messages, oldest_and_newest
from spark_jobs.broker.cluster import Broker
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import load_pipeline
from tests.conftest import NewTopic
from tests.kafka.conftest import Writer
from tests.typed import type_in
from tests.world import World, reading, world_without_spark

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(tmp_path: Path, kafka: RunningKafka) -> Iterator[World]:
    with world_without_spark(tmp_path, kafka.bootstrap, 2) as world:
        yield world


def written(world: World, topic: str, folder: Path) -> WrittenPipeline:
    return write_pipeline(WantedPipeline(topic, kafka=world.pipeline.kafka, to=folder / "mine.yaml", name="mine"), {})


def sampled(world: World, most: int = 20) -> Sample:
    pipeline = load_pipeline(world.config)
    return sample_next(pipeline, os.environ, look_ahead(pipeline, os.environ), most)


@pytest.mark.proves("F208")
def test_a_pipeline_file_is_written_that_reads_the_topic(
    world: World, new_topic: NewTopic, writer: Writer, broker: Broker
) -> None:
    topic, now = new_topic(2), int(time.time() * 1000)
    for partition in range(2):
        values = [json.dumps({"id": number, "payload": {"ts": now - 1000 * number, "watt": number / 4}}) for number in range(150)]
        writer.send(topic, partition, *values, "no reading", timestamp_ms=now)
    found = written(world, topic, world.config.parent)
    pipeline = load_pipeline(found.path)
    assert pipeline == found.pipeline
    assert (pipeline.input.time.field, pipeline.input.time.format) == ("payload.ts", "epoch_millis")
    assert (pipeline.value.field, pipeline.output_name) == ("payload.watt", f"{topic}-daily-averages")
    assert (found.looked_at, found.accepted, found.rejected) == (200, 198, {"NOT_JSON": 2})
    assert [path.name for path in found.path.parent.iterdir() if "mine" in path.name] == ["mine.yaml"]
    create_output_topic(broker, pipeline)
    assert sample_sentence(sample_next(pipeline, os.environ, look_ahead(pipeline, os.environ), 4)) == (
        "of the next 4 messages 4 would be accepted, 0 rejected"
    )


@pytest.mark.proves("F208")
def test_nothing_is_written_where_nothing_fits(world: World, new_topic: NewTopic, writer: Writer) -> None:
    topic = new_topic(1)
    with pytest.raises(DecisionNeeded, match="holds no message to look at"):
        written(world, topic, world.config.parent)
    writer.send(topic, 0, '{"name": "x"}')
    with pytest.raises(DecisionNeeded, match="reads as a time and none as a number"):
        written(world, topic, world.config.parent)
    assert not (world.config.parent / "mine.yaml").exists()


@pytest.mark.proves("F209")
def test_the_next_messages_are_judged_without_spark(world: World) -> None:
    good = [reading(f"23/12/2006 16:{minute:02}:00", "239.9400001") for minute in range(12)]
    world.send(0, *good)
    world.send(1, b'{"datetime": "2006-12-23T16:52:00Z", "voltage": 1}', b'"a" b', None)
    found = sampled(world, 10)
    assert [(one.message.partition, one.message.offset) for one in found.messages] == [
        *((0, n) for n in range(7)),
        (1, 0),
        (1, 1),
        (1, 2),
    ]
    assert sample_sentence(found) == (
        "of the next 10 messages 7 would be accepted, 2 rejected (BAD_TIME 1, TOMBSTONE 1), 1 not decided here"
    )
    assert "is input.time.format iso8601?" in sample_notes(found)[-1]


@pytest.mark.proves("F209")
def test_a_typed_sample_is_in_the_table_and_in_the_json(world: World) -> None:
    world.send(0, reading("23/12/2006 16:52:00", "239.94"), b"no reading")
    planned = type_in("plan", str(world.config), "--sample", "5", "--json")
    assert planned.returncode == 0, planned.stderr
    sample = json.loads(planned.stdout)["sample"]
    assert (sample["count"], sample["accepted"], sample["rejected"], sample["reasons"]) == (2, 1, 1, {"NOT_JSON": 1})
    accepted, rejected = sample["messages"]
    assert (accepted["event_time"], accepted["day"], accepted["value"]) == (
        "2006-12-23 16:52:00+00:00",
        "2006-12-23",
        "239.940000",
    )
    assert (rejected["verdict"], rejected["reason"], rejected["message"]) == ("rejected", "NOT_JSON", "no reading")
    assert not Path(world.pipeline.lake).exists()


@pytest.mark.proves("F209")
def test_messages_are_found_behind_gaps_and_up_to_a_limit(world: World, broker: Broker) -> None:
    world.send_in_transaction(0, *([b"aborted"] * 30), commit=False)
    world.send(0, *(b"%d" % number for number in range(30)))
    topic = broker.topic(world.pipeline.input.topic)
    spans = {one.number: (one.low, one.stable) for one in topic.partitions}
    assert [one.value for one in first_messages(broker, topic.name, spans, 3)] == [b"0", b"1", b"2"]
    assert [one.value for one in oldest_and_newest(broker, topic, 4)] == [b"0", b"1", b"28", b"29"]
    assert first_messages(broker, topic.name, {1: spans[1]}, 3) == []

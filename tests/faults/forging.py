"""Hands on what proves a publication: the group's offsets put elsewhere,
records of a batch written onto the output by somebody else.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Producer, TopicPartition
from deltalake import DeltaTable

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.broker.cluster import LATEST, UNCOMMITTED
from spark_jobs.broker.publisher import OutputRecord
from spark_jobs.run.output_records import output_record
from tests import parsing_rules
from tests.faults.checkpoint_rows import ranges
from tests.submitted import wait_until
from tests.world import World


@dataclass(frozen=True)
class Place:
    """Where a group stands on a partition of the input, with what it says there."""

    offset: int
    metadata: str


def left_by(world: World, batch: int) -> dict[int, Place]:
    """Where the transaction of a batch leaves the group."""
    planned = ranges(world, "PLANNED")[batch]
    return {number: Place(end, f"b={batch}") for number, (_, end) in planned.items()}


def put_group(world: World, places: Mapping[int, Place]) -> None:
    """The group's offsets as a restore, a mirror or somebody's hand leaves them; other partitions stay."""
    settings = {"bootstrap.servers": world.bootstrap, "group.id": world.pipeline.name, "enable.auto.commit": False}
    topic = world.pipeline.input.topic
    moved = [TopicPartition(topic, number, place.offset, metadata=place.metadata) for number, place in places.items()]
    consumer = Consumer(settings)
    try:
        consumer.commit(offsets=moved, asynchronous=False)
    finally:
        consumer.close()


RULES = parsing_rules.rules(value_field="voltage")


def averages_of(world: World, batch: int) -> list[OutputRecord]:
    """The records that a batch publishes, while its averages are the newest."""
    rows = DeltaTable(f"{world.tables}/daily_averages").to_pyarrow_dataset().to_table(use_threads=False).to_pylist()
    mine = sorted((row["partition"], row["date"], row) for row in rows if row["batch"] == batch)
    return [output_record(row, DAILY_AVERAGE, pipeline=world.pipeline.name, rules=RULES, partitions=3) for _, _, row in mine]


def write(world: World, records: Sequence[OutputRecord], *, commit: bool = True) -> None:
    """These records in a transaction of somebody else, visible or aborted."""
    with transaction(world, records) as producer:
        if not commit:
            producer.abort_transaction(20)


@contextmanager
def transaction(world: World, records: Sequence[OutputRecord]) -> Iterator[Producer]:
    """These records in a transaction of somebody else that is open until the end of the block,
    then committed unless it was ended.
    """
    producer = Producer({"bootstrap.servers": world.bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(20)
    producer.begin_transaction()
    for one in records:
        producer.produce(world.pipeline.output_name, one.value, one.key, one.partition, headers=list(one.headers))
    assert producer.flush(20) == 0
    before = output_ends(world, UNCOMMITTED)
    yield producer
    with suppress(KafkaException):
        producer.commit_transaction(20)
    written = {one.partition for one in records}
    wait_until(lambda: all(output_ends(world, UNCOMMITTED)[number] > before[number] for number in written), "its markers")


def output_ends(world: World, level: IsolationLevel) -> list[int]:
    """Where each partition of the output ends for a reader of this level."""
    partitions = [TopicPartition(world.pipeline.output_name, number) for number in range(world.partitions)]
    found = world.admin.list_offsets(dict.fromkeys(partitions, LATEST), isolation_level=level)
    return [future.result(20).offset for future in found.values()]


def age_output(world: World, partition: int, before: int) -> None:
    """Retention takes the partition's first averages; all of them for -1."""
    gone = TopicPartition(world.pipeline.output_name, partition, before)
    world.admin.delete_records([gone])[gone].result(20)


def foreign(record: OutputRecord, **headers: bytes) -> OutputRecord:
    """The same average with other headers."""
    return replace(record, headers=tuple({**dict(record.headers), **headers}.items()))


def unnamed(record: OutputRecord) -> OutputRecord:
    """The same average as somebody else writes it, whose headers name no pipeline."""
    return replace(record, headers=tuple(one for one in record.headers if one[0] != "pipeline"))

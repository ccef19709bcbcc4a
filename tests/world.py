"""A pipeline of its own for one test: fresh topics on the real broker, a fresh lake, and a record of every message sent."""

import itertools
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from spark_jobs.base import faults
from spark_jobs.launch.java import find_java
from spark_jobs.launch.submit import Submission, job_arguments, submit_command
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.ledger import Done
from spark_jobs.readings.messages import read_messages
from spark_jobs.run.job import RunRequest
from spark_jobs.run.spark_engine import Reader, SparkEngine
from spark_jobs.run.story import run_pipeline
from tests import invariants, log_ends, oracle
from tests.submitted import SubmittedRun, start_run, wait_until
from tests.violations import Violation, require_none

RUN_NUMBERS = itertools.count(1)


def reading(moment: str, voltage: str) -> bytes:
    """A message in the producer's usual form."""
    return f'{{"datetime": "{moment}", "voltage": {voltage}}}'.encode()


@dataclass
class World:
    """One pipeline and what was sent to it; `day_of` says what its times mean,
    `pruned` is the batch up to which a test had maintenance delete records.
    """

    bootstrap: str
    config: Path
    partitions: int
    spark: Callable[[], Any]
    sent: list[oracle.Sent] = field(default_factory=list)
    submitted: list[SubmittedRun] = field(default_factory=list)
    pruned: int = 0
    day_of: oracle.DayOf = oracle.day_month_year

    @property
    def pipeline(self) -> Pipeline:
        return load_pipeline(self.config)

    @property
    def tables(self) -> str:
        return f"{self.pipeline.lake}/{self.pipeline.name}"

    def send(self, partition: int, *values: bytes | None, **how: Any) -> None:
        """Send messages and remember them with the offsets they got; `how` may be a `key` or a `timestamp` for all of them."""
        # Idempotent: a message that is sent again, as to a topic that is just created, must neither be there twice nor change
        # places.
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": "true"})
        self._produce(producer, partition, values, **how)
        assert producer.flush(20) == 0

    def send_in_transaction(self, partition: int, *values: bytes | None, commit: bool) -> None:
        """The same inside a transaction that is committed or aborted; aborted messages are not remembered."""
        with self.open_transaction(partition, *values) as producer:
            if commit:
                producer.commit_transaction(20)
            else:
                producer.abort_transaction(20)
        self.wait_until_stable(partition)
        if not commit:
            del self.sent[-len(values) :]

    def wait_until_stable(self, partition: int) -> None:
        """Until nothing of the input's partition is held back."""
        log_ends.wait_until_stable(self.admin, self.pipeline.input.topic, partition)

    @contextmanager
    def open_transaction(self, partition: int, *values: bytes | None, **how: Any) -> Iterator[Producer]:
        """A producer with these messages delivered in a transaction that is still open."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": uuid.uuid4().hex})
        producer.init_transactions(20)
        producer.begin_transaction()
        self._produce(producer, partition, values, **how)
        assert producer.flush(20) == 0
        yield producer

    def _produce(self, producer: Producer, partition: int, values: Sequence[bytes | None], **how: Any) -> None:
        delivered: list[Message] = []

        def take(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            delivered.append(message)

        for value in values:
            producer.produce(self.pipeline.input.topic, value, partition=partition, on_delivery=take, **{"key": b"key", **how})
        assert producer.flush(20) == 0
        assert len(delivered) == len(values)
        self.sent += [oracle.sent(partition, int(one.offset() or 0), one.value(), self.day_of) for one in delivered]

    @cached_property
    def admin(self) -> AdminClient:
        # Kept: a client that is collected ends its unfinished requests. Silent: a broker that a test killed is no news.
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": "2"})

    def delete_records(self, partition: int, before: int) -> None:
        """Move the start of the input partition's log, as retention does."""
        deleted = self.admin.delete_records([TopicPartition(self.pipeline.input.topic, partition, before)])
        for future in deleted.values():
            future.result(20)

    def recreate_input(self, partitions: int) -> None:
        """Delete the input topic and create it again under the same name; what was sent to the old one is forgotten."""
        self.recreate(self.pipeline.input.topic, partitions)
        self.sent.clear()

    def recreate(self, topic: str, partitions: int) -> None:
        """Delete a topic and create it again under the same name."""
        self.admin.delete_topics([topic])[topic].result(20)
        wait_until(lambda: topic not in self.admin.list_topics(timeout=10).topics, f"{topic} is deleted")
        create_topics(self.bootstrap, {topic: partitions})

    def add_partitions(self, total: int, topics: Sequence[str] = ()) -> None:
        """Give topics, both if none are named, more partitions."""
        self.partitions = total
        for topic in topics or (self.pipeline.input.topic, self.pipeline.output_name):
            self.admin.create_partitions([NewPartitions(topic, total)])[topic].result(20)
            wait_until(partial(self._has_partitions, topic, total), f"{topic} to have {total} partitions")

    def _has_partitions(self, topic: str, total: int) -> bool:
        return len(self.admin.list_topics(topic, 10).topics[topic].partitions) == total

    def delete_group(self) -> None:
        """Delete the consumer group, as its expiry does."""
        self.admin.delete_consumer_groups([self.pipeline.name])[self.pipeline.name].result(20)

    def submit(self, *arguments: str, fault: str = "", conf: Mapping[str, str] = {}) -> SubmittedRun:
        """The job as a real `spark-submit` in a process group of its own, which does not outlive the test."""
        environment = {**os.environ, "JAVA_HOME": str(find_java()), "PYSPARK_PYTHON": sys.executable}
        environment.pop("PYSPARK_SUBMIT_ARGS", None)
        if fault:
            environment |= {"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": fault}
        command = submit_command(job_arguments(self.config, "submitted", [], arguments), Submission(conf=tuple(conf.items())))
        self.submitted.append(start_run(command, environment))
        return self.submitted[-1]

    def end(self) -> None:
        """Leave no process behind, and no topic: hundreds of them would slow the broker down for the tests that follow."""
        for run in self.submitted:
            run.end()
        deleted = self.admin.delete_topics([self.pipeline.input.topic, self.pipeline.output_name], request_timeout=5)
        for future in deleted.values():
            with suppress(KafkaException):
                future.result(10)

    def run(self, *, overrides: Sequence[str] = (), read: Reader = read_messages, **asked: Any) -> list[Done]:
        """One run of the job in this process; Spark reads messages as `read` does."""
        pipeline = load_pipeline(self.config, overrides=overrides)
        request = RunRequest(run_id=asked.pop("run_id", f"run {next(RUN_NUMBERS)}"), **asked)
        return run_pipeline(pipeline, request, SparkEngine(self.spark, read))

    def run_with_fault(self, fault: str, **asked: Any) -> bool:
        """One run that dies at the fault point; whether the point was passed at all."""
        faults.reset()
        os.environ.update(DAYFOLD_ALLOW_FAULTS="1", DAYFOLD_FAULT=fault)
        try:
            self.run(**asked)
        except faults.InjectedFault:
            return True
        finally:
            del os.environ["DAYFOLD_ALLOW_FAULTS"], os.environ["DAYFOLD_FAULT"]
        return False

    def run_while(self, happening: Callable[[str], object], **asked: Any) -> list[Done]:
        """One run in which `happening(point)` is called at every fault point it passes."""
        os.environ["DAYFOLD_ALLOW_FAULTS"] = "1"
        try:
            with faults.calling(happening):
                return self.run(**asked)
        finally:
            os.environ.pop("DAYFOLD_ALLOW_FAULTS", None)

    def run_disturbed(self, point: str, disturbance: Callable[[], object], **asked: Any) -> list[Done]:
        """One run in which something else happens once, the first time it passes the point."""
        left = [disturbance]
        done = self.run_while(lambda passed: left.pop()() if passed == point and left else None, **asked)
        assert not left, f"{point} was never passed"
        return done

    def assert_exactly_once(self) -> None:
        """Compare tables, output topic and group with the oracle; a `Violation` says which invariant is broken.

        What the runs said and wrote down goes with it, because a rare failure may not come back to be looked at.
        """
        try:
            self._compare()
        except Violation as violation:
            said = itertools.chain.from_iterable(run.said for run in self.submitted)
            for note in (*said, *oracle.rows(f"{self.tables}/checkpoints")):
                violation.add_note(str(note))
            raise

    def _compare(self) -> None:
        batches = oracle.stored_batches(self.tables)
        if self.pipeline.records:
            require_none("I1", oracle.averaged_only(self.tables), "batches kept no records, which nobody asked for")
        expected = oracle.expect(self.sent, batches)
        gone = self._not_kept(expected.records)
        invariants.check_records(oracle.found_records(self.tables), expected.records - gone)
        invariants.check_aggregates("contributions", oracle.found_contributions(self.tables), expected.contributions)
        invariants.check_aggregates("daily averages", oracle.found_averages(self.tables), expected.averages)
        invariants.check_output(self.output(), expected.output)
        group = oracle.group_offsets(self.bootstrap, self.pipeline.name, self.pipeline.input.topic, self.partitions)
        invariants.check_progress(group, batches, oracle.decided(self.tables))

    def assert_all_counted(self) -> None:
        """Exactly once, and nothing that was sent is left out."""
        self.assert_exactly_once()
        expected = oracle.expect(self.sent, oracle.stored_batches(self.tables)).records
        found = {record[:2] for record in {*oracle.found_records(self.tables), *self._not_kept(expected)}}
        require_none("I1", {(one.partition, one.offset) for one in self.sent} - found, "records that were sent are in no batch")

    def _not_kept(self, records: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        """Those that rightly are in no table: of a batch that is pruned by now, or accepted by one that only averages."""
        averaged_only = oracle.averaged_only(self.tables)
        return {one for one in records if one[-1] <= self.pruned or (one[-1] in averaged_only and not one[4])}

    def output(self) -> dict[int, list[tuple[Any, ...]]]:
        """What a read_committed consumer sees on the output topic, per partition in order."""
        return oracle.found_output(self.bootstrap, self.pipeline.output_name, self.partitions)

    def visible_batches(self) -> set[int]:
        """Batches of which a read_committed consumer sees anything."""
        return {record[2] for records in self.output().values() for record in records}


@contextmanager
def world_without_spark(folder: Path, bootstrap: str, partitions: int = 3, **settings: Any) -> Iterator[World]:
    """A world in which no run may come so far as to need Spark; it is ended afterwards."""

    def no_spark() -> NoReturn:
        raise AssertionError("Spark was asked for")

    world = make_world(folder, bootstrap, no_spark, partitions, **settings)
    try:
        yield world
    finally:
        world.end()


def make_world(folder: Path, bootstrap: str, spark: Callable[[], Any], partitions: int = 3, **settings: Any) -> World:
    """A world with topics and a pipeline file of its own."""
    name = settings.pop("name", f"p{uuid.uuid4().hex[:10]}")
    if settings.pop("create", True):
        create_topics(bootstrap, {f"{name}-in": partitions, f"{name}-out": partitions})
    kafka = folder / "kafka.properties"
    kafka.write_text(f"bootstrap.servers={bootstrap}\n")
    pipeline = {
        "name": name,
        "kafka": str(kafka),
        "lake": str(folder / "lake"),
        "state": str(folder / "state"),
        "input": {
            "topic": f"{name}-in",
            "time": {"field": "datetime", "format": "dd/MM/yyyy HH:mm:ss"},
            "value": {"field": "voltage"},
            **settings.pop("input", {}),
        },
        "output": {"topic": f"{name}-out"},
        "limits": {"max_rejected_fraction": 1.0},
        **settings,
    }
    config = folder / f"{name}.yaml"
    config.write_text(json.dumps(pipeline))
    return World(bootstrap, config, partitions, spark)

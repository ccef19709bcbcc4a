"""A pipeline of declared aggregates of its own for one test: topics on the real broker, a lake, and what was sent."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from tests import invariants
from tests import oracle as plain
from tests.declared import oracle
from tests.declared.examples import EXAMPLES, Example
from tests.declared.examples import Message as Sending
from tests.faults.audited import audited, told
from tests.violations import require
from tests.world import World, make_world


@dataclass
class DeclaredWorld:
    """A world of an example; `wanted` are the aggregates that its file declares, and `readings` is what was sent, as the example
    understands it.
    """

    world: World
    example: Example
    chosen: random.Random
    wanted: list[oracle.Wanted]
    readings: list[oracle.Reading] = field(default_factory=list)

    def declare(self, since: int) -> None:
        """Declare all aggregates of the example from a batch on."""
        file = json.loads(self.world.config.read_text())
        known = {one.name for one in self.wanted}
        self.world.config.write_text(json.dumps({**file, "aggregates": self.example.settings["aggregates"]}))
        self.wanted += [replace(one, since=since) for one in self.example.wanted if one.name not in known]

    def rebuilt(self, name: str, batch: int) -> None:
        """From now on the oracle counts in a batch what came before the aggregate was declared."""
        self.wanted = [replace(one, rebuilt=batch) if one.name == name else one for one in self.wanted]

    def send(self, count: int) -> None:
        """So many random messages, over all partitions."""
        producer = Producer({"bootstrap.servers": self.world.bootstrap, "enable.idempotence": "true"})
        topic = self.world.pipeline.input.topic
        for _ in range(count):
            sending, partition = self.example.make(self.chosen), self.chosen.randrange(self.world.partitions)
            taker = self._taker(sending)
            while True:
                try:
                    producer.produce(topic, sending.value, key=sending.key, partition=partition, on_delivery=taker)
                    break
                except BufferError:
                    producer.poll(1)
            producer.poll(0)
        assert producer.flush(20) == 0

    def assert_all_counted_and_audited(self) -> None:
        """The same, and an audit finds nothing, quick or deep."""
        self.assert_all_counted()
        for deep in (False, True):
            require("I8", not (found := told(audited(self.world, deep=deep))), f"the audit finds {found}")

    def _taker(self, sending: Sending) -> Callable[[KafkaError | None, Message], None]:
        def take(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            self.readings.append(self.example.read(sending, int(message.partition() or 0), int(message.offset() or 0)))

        return take

    def assert_all_counted(self) -> None:
        """Tables, output topic and group are what the oracle says, and every message is in a batch."""
        tables, batches = self.world.tables, plain.stored_batches(self.world.tables)
        expected = oracle.expect(self.readings, batches, self.wanted)
        for one in self.wanted:
            keys = (oracle.column_of(one), *one.dimensions)
            rows = plain.rows(f"{tables}/{one.name}")
            shown = [*one_of(expected.totals[one.name]), "revision", "batch"]
            found = {tuple(row[name] for name in keys): {name: row[name] for name in shown} for row in rows}
            require("I3", len(found) == len(rows), f"{one.name} has a group twice")
            invariants.check_aggregates(one.name, found, expected.totals[one.name])
        for name, members in expected.members.items():
            rows = plain.rows(f"{tables}/{name}")
            others = ("count", "revision", "batch")
            found_members = {tuple(row[key] for key in row if key not in others): row["count"] for row in rows}
            invariants.check_aggregates(name, found_members, members)
        self._check_counts(tables)
        self._check_output(expected)
        world = self.world
        group = plain.group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, world.partitions)
        invariants.check_progress(group, batches, plain.decided(tables))

    def _check_counts(self, tables: str) -> None:
        """I1 and I8: each message is in the records once, as what it is, and the checkpoints say how many are."""
        rows = {(row["partition"], row["offset"]): row for row in plain.rows(f"{tables}/records")}
        require("I1", rows.keys() == {(one.partition, one.offset) for one in self.readings}, "records are missing or twice")
        for one in self.readings:
            row = rows[one.partition, one.offset]
            fate = (row["rejected_because"] is not None, row["filtered"])
            wanted = (True, None) if one.values is None else (False, one.is_filtered)
            require("I8", fate == wanted, f"{row} should be {wanted}")
        counts = [one for row in plain.rows(f"{tables}/checkpoints") if row["state"] == "DONE" for one in row["counts"]]
        told = tuple(sum(one[name] for one in counts) for name in ("read", "accepted", "rejected", "filtered"))
        rejected, filtered = sum(one.values is None for one in self.readings), sum(one.is_filtered for one in self.readings)
        right = (len(self.readings), len(self.readings) - rejected - filtered, rejected, filtered)
        require("I8", told == right, f"the checkpoints count {told}, it is {right}")

    def _check_output(self, expected: oracle.Expected) -> None:
        """I4 and I6: each revision once, batch after batch, all of a group in one partition."""
        by_name = {one.name: one for one in self.wanted}
        messages = [
            (batch, count, oracle.message_of(by_name[name], group, row))
            for batch, those in expected.published.items()
            for name, group, row, count in those
        ]
        found: list[tuple[int, int, dict[str, Any]]] = []
        places: dict[tuple[Any, ...], int | None] = {}
        for one in plain.visible_messages(self.world.bootstrap, self.world.pipeline.output_name, self.world.partitions):
            headers = plain.headers_of(one)
            value = oracle.read_json(one.value())
            key = oracle.read_json(one.key())
            require("I4", key == {name: value[name] for name in key}, f"the key {key} is not of {value}")
            require("I4", headers["aggregate"] == value["aggregate"], f"{headers} of {value}")
            require("I4", int(headers["revision"]) == value["revision"], f"{headers} of {value}")
            found.append((int(headers["batch"]), int(headers["count"]), value))
            dimensions = tuple(value[name] for name in by_name[value["aggregate"]].dimensions)
            require("I6", places.setdefault(dimensions, one.partition()) == one.partition(), f"{dimensions} in two partitions")
        require("I4", sorted(found, key=str) == sorted(messages, key=str), f"published {found}, expected {messages}")


def one_of(totals: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    """The names of results."""
    row = next(iter(totals.values()), {})
    return [name for name in row if name not in ("revision", "batch")]


NewDeclared = Callable[..., DeclaredWorld]
"""`new_declared("ads", **settings)` is a pipeline of an example, with topics and tables of its own."""


@contextmanager
def declared_world(
    name: str, folder: Path, bootstrap: str, spark: Callable[[], Any], chosen: random.Random, **settings: Any
) -> Iterator[DeclaredWorld]:
    """A world of the example of that name; it is ended afterwards."""
    example = EXAMPLES[name]
    file = example.settings
    topic = file["input"].pop("topic")
    own: dict[str, Any] = {"aggregates": file["aggregates"], "input": {"value": None, **file["input"]}, **settings}
    world = make_world(folder, bootstrap, spark, 3, **own)
    assert topic
    try:
        yield DeclaredWorld(world, example, chosen, [one for one in example.wanted if one.name in own["aggregates"]])
    finally:
        world.end()

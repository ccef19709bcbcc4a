"""A plain read_committed consumer that watches a pipeline's output from the side for as long as a test lasts.

What it has once seen must stay: at the end it holds, in order, exactly what a fresh reader finds, every batch whole, each
partition's batches one after the other. A record shown twice, half a batch, or anything that disappeared later is a `Violation`.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests import oracle
from tests.submitted import wait_until
from tests.violations import require
from tests.world import World

SECONDS = 60
PASSES = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT)
"""The broker is away for a while, which is for the watched run to bear."""


class Watcher:
    """The consumer, its thread, and what it has seen: per partition every visible record, in the order it came."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        self.errors: list[str] = []
        self._enough = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": world.bootstrap,
                "group.id": "watcher",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                # Records that were seen and are gone must be an error, not a jump to what is left.
                "auto.offset.reset": "error",
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        topic = world.pipeline.output_name
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(world.partitions)])
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._enough.is_set():
            message = self._consumer.poll(0.1)
            error = message.error() if message is not None else None
            if error is not None and error.code() not in PASSES and not error.retriable():
                self.errors.append(error.str())
            elif message is not None and error is None:
                self.seen[message.partition() or 0].append(oracle.record_of(message))

    def visible_batches(self) -> set[int]:
        """Batches of which anything was seen so far."""
        return {record[2] for records in list(self.seen.values()) for record in list(records)}

    def check(self) -> None:
        """I4 and I7, once the broker is whole: what was seen on the way is what is there, in order."""
        final = self._world.output()
        wait_until(lambda: self._has_seen(final), "the watcher to see what a fresh reader sees", SECONDS)
        require("I7", not self.errors, f"the watcher was told: {self.errors}")
        for number in sorted({*final, *self.seen}):
            check_partition(number, self.seen[number], final.get(number, []))

    def _has_seen(self, final: Mapping[int, Sequence[Any]]) -> bool:
        return bool(self.errors) or all(len(self.seen[number]) >= len(records) for number, records in final.items())

    def end(self) -> None:
        self._enough.set()
        self._thread.join(SECONDS)
        self._consumer.close()


def check_partition(number: int, seen: Sequence[tuple[Any, ...]], final: Sequence[tuple[Any, ...]]) -> None:
    """One partition as it was seen on the way, against what is there at the end."""
    batches = [record[2] for record in seen]
    shown = [(record[0], record[3]) for record in seen]
    require("I4", len(set(shown)) == len(shown), f"partition {number} showed a revision of a day twice: {seen}")
    require("I7", batches == sorted(batches), f"partition {number} showed its batches out of order: {batches}")
    require("I7", list(seen) == list(final), f"partition {number} showed {seen} on the way and holds {final} at the end")


@contextmanager
def watching(world: World) -> Iterator[Watcher]:
    """Watch while the block runs; at its end nothing that was seen may have been wrong. The broker must be whole by then."""
    watcher = Watcher(world)
    try:
        yield watcher
        watcher.check()
    finally:
        watcher.end()

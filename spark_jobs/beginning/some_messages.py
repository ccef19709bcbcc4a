"""A few messages of a topic, from all its partitions: the first of some ranges, or the oldest and the newest there are.

Bounded in number and in time, whatever the topic holds. Knows no pipeline, and nothing of what is in a message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import confluent_kafka

from spark_jobs.base import machine
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.scan import headers_of
from spark_jobs.progress.offsets import Topic

SECONDS = 10.0
"""After so long what was read must do."""

_WIDER = 20
"""So much more of a partition is looked through where there were only gaps."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999


@dataclass(frozen=True)
class Message:
    """`sent` is Kafka's time of the record, None where that is no time."""

    partition: int
    offset: int
    value: bytes | None
    sent: datetime | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


Spans = Mapping[int, tuple[int, int]]
"""Per partition a range of offsets, its end not in it."""


def spread(spans: Spans, most: int) -> dict[int, int]:
    """How many messages to take of each partition: at most so many in all, as many of each as there are, where there are enough.

    >>> spread({0: (0, 100), 1: (5, 7), 2: (3, 3), 3: (0, 9)}, 12)
    {0: 5, 1: 2, 3: 5}
    >>> spread({0: (0, 9), 1: (0, 9), 2: (0, 9)}, 2)
    {0: 1, 1: 1}
    """
    taken: dict[int, int] = {}
    left = most
    filled = sorted((end - start, number) for number, (start, end) in spans.items() if start < end)
    for place, (size, number) in enumerate(filled):
        # What small partitions lack is taken of the larger ones.
        taken[number] = min(size, -(-left // (len(filled) - place)))
        left -= taken[number]
    return {number: count for number, count in sorted(taken.items()) if count}


def first_messages(broker: Broker, topic: str, spans: Spans, most: int, seconds: float = SECONDS) -> list[Message]:
    """The first visible messages of the ranges, at most so many in all, as far as they were found in time."""
    wanted, deadline = spread(spans, most), machine.monotonic() + seconds
    found: dict[int, list[Message]] = {number: [] for number in wanted}
    at, width = {number: spans[number][0] for number in wanted}, max(wanted.values(), default=0)
    while machine.monotonic() < deadline:
        lacking = [one for one in wanted if len(found[one]) < wanted[one] and at[one] < spans[one][1]]
        if not lacking:
            break
        ends = {number: min(spans[number][1], at[number] + width) for number in lacking}
        for message in _until(broker.scan(topic, {one: at[one] for one in lacking}, ends, idle_seconds=SECONDS), deadline):
            if len(found[message.partition]) < wanted[message.partition]:
                found[message.partition].append(message)
            if all(len(found[one]) >= wanted[one] for one in lacking):
                break
        at |= ends
        width *= _WIDER
    return [message for number in sorted(found) for message in found[number]]


def oldest_and_newest(broker: Broker, topic: Topic, most: int) -> list[Message]:
    """Messages of both ends of each partition, at most so many in all, oldest first."""
    whole = {one.number: (one.low, one.stable) for one in topic.partitions}
    wanted = spread(whole, most // 2)
    newest = {number: (max(whole[number][0], whole[number][1] - count), whole[number][1]) for number, count in wanted.items()}
    older = {number: (whole[number][0], newest[number][0]) for number in newest}
    parts = ((older, most - most // 2), (newest, most // 2))
    found = [one for spans, count in parts for one in first_messages(broker, topic.name, spans, count, SECONDS / len(parts))]
    return sorted(found, key=lambda one: (one.partition, one.offset))


def _until(messages: Iterator[confluent_kafka.Message], deadline: float) -> Iterator[Message]:
    for one in messages:
        place = int(one.partition() or 0), int(one.offset() or 0)
        headers = tuple((name, _bytes(value)) for name, value in headers_of(one))
        yield Message(*place, _bytes(one.value()), _sent(one), _bytes(one.key()), headers)
        if machine.monotonic() > deadline:
            return


def _bytes(found: str | bytes | None) -> bytes | None:
    return found.encode() if isinstance(found, str) else found


def _sent(message: confluent_kafka.Message) -> datetime | None:
    _, milliseconds = message.timestamp()
    return _EPOCH + timedelta(milliseconds=milliseconds) if 0 < milliseconds <= _LAST_MS else None

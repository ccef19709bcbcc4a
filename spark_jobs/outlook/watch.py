"""What an operator should hear before anything goes wrong: records held back by a transaction, records about to expire.

Nothing is stored for it: the record that waits carries the time since when it does. Asks for no permission beyond reading the
topic; without permission to see its settings, how long it keeps records is unknown. Must not know checkpoints.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spark_jobs.base.times import age_text, in_utc
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker
from spark_jobs.progress.offsets import Topic

HANGING = timedelta(minutes=15)
"""Kafka's default for `transaction.max.timeout.ms`: an open transaction that is older has most likely lost its producer."""

KEYS = ("cleanup.policy", "retention.ms", "retention.bytes")
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class HeldBack:
    """Offsets of a partition that an open transaction keeps from being read, from `offset` on,
    and since when if that is known.
    """

    partition: int
    offset: int
    count: int
    since: datetime | None

    def sentence(self, topic: str, now: datetime) -> str:
        """What is held back, since when, and what to do if no live transaction can be that old."""
        text = (
            f"held back by an open transaction: {counted(self.count, 'record')} on partition {self.partition}, from "
            f"offset {self.offset} on"
        )
        if self.since is None:
            return text
        text += f", since {in_utc(self.since)} ({age_text(now - self.since)} ago)"
        if now - self.since < HANGING:
            return text
        place = f"--topic {topic} --partition {self.partition}"
        return (
            f"{text}; its producer has probably died: see kafka-transactions.sh --bootstrap-server HOST find-hanging {place}, "
            f"and end it with kafka-transactions.sh --bootstrap-server HOST abort {place} --start-offset {self.offset}"
        )


def held_back(broker: Broker, topic: Topic) -> tuple[HeldBack, ...]:
    """Every partition whose last stable offset is below its high watermark."""
    waiting = [one for one in topic.partitions if one.held_back]
    times = broker.record_times(topic.name, {one.number: one.stable for one in waiting})
    return tuple(HeldBack(one.number, one.stable, one.held_back, times.get(one.number)) for one in waiting)


@dataclass(frozen=True)
class Retention:
    """How long a topic keeps a record: `hours` is infinite where it keeps all, None where that is not known.

    `max_bytes` is set if it deletes by size as well, which may be earlier.
    """

    hours: float | None
    max_bytes: int | None = None


UNKNOWN_RETENTION = Retention(None)


def retention_of(config: Mapping[str, str | None]) -> Retention:
    """What the topic's settings say.

    >>> retention_of({"cleanup.policy": "delete", "retention.ms": "7200000", "retention.bytes": "-1"})
    Retention(hours=2.0, max_bytes=None)
    """
    policy, milliseconds, size = (config.get(key) for key in KEYS)
    if policy is None or milliseconds is None:
        return UNKNOWN_RETENTION
    if "delete" not in policy:
        return Retention(math.inf)
    hours = math.inf if int(milliseconds) < 0 else int(milliseconds) / _HOUR_MS
    return Retention(hours, int(size) if size is not None and int(size) >= 0 else None)


@dataclass(frozen=True)
class Expiry:
    """The oldest unread record of a partition: when it was written, and how many hours are left until it may be deleted.

    Negative hours have passed already: Kafka deletes whole segments, so a record may stay for a while. None is not known.
    """

    partition: int
    oldest: datetime | None
    hours_left: float | None

    def is_under(self, hours: float) -> bool:
        return self.hours_left is not None and self.hours_left < hours

    def sentence(self, topic: str) -> str:
        """For a partition with few hours left."""
        oldest = f", of {in_utc(self.oldest)}," if self.oldest else ""
        left = self.hours_left or 0.0
        when = "may be deleted at any moment" if left <= 0 else f"expires in {left:.1f} hours"
        return (
            f"partition {self.partition}: the oldest unread record{oldest} {when}; "
            f"let the pipeline catch up, or raise retention.ms of {topic}"
        )


def find_expiries(
    broker: Broker, topic: Topic, starts: Mapping[int, int], retention: Retention, now: datetime
) -> dict[int, Expiry]:
    """One entry per partition with records that are still to be read from `starts` on."""
    firsts = {one.number: max(starts.get(one.number, 0), one.low) for one in topic.partitions}
    unread = {one.number: firsts[one.number] for one in topic.partitions if firsts[one.number] < one.high}
    times = {} if retention.hours in (None, math.inf) else broker.record_times(topic.name, unread)
    return {number: expiry(number, times.get(number), retention, now) for number in unread}


def expiry(partition: int, oldest: datetime | None, retention: Retention, now: datetime) -> Expiry:
    """The hours left of a record that was written at `oldest`."""
    if retention.hours == math.inf:
        return Expiry(partition, oldest, math.inf)
    if retention.hours is None or oldest is None:
        return Expiry(partition, oldest, None)
    return Expiry(partition, oldest, retention.hours - (now - oldest) / timedelta(hours=1))


def read_retention(broker: Broker, topic: str) -> Retention:
    """How long the topic keeps records, as far as we may know."""
    return retention_of(broker.topic_config(topic, KEYS))

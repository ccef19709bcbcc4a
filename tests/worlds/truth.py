"""What tables, output topic and group must hold, from what a simulated cluster knows of its own logs.

The rules are those of `tests/oracle.py` and `tests/invariants.py`; only where messages and offsets come from is another place.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from confluent_kafka import Message
from deltalake import DeltaTable

from tests import invariants, oracle
from tests.violations import require
from tests.worlds.cluster import Cluster, Log, Stored
from tests.worlds.machines import BEGINNING

INPUT, OUTPUT, PIPELINE = "in", "out", "p"


def day_of(written: Any) -> date:
    """The day of a message's time; all of them are in UTC."""
    return datetime.fromisoformat(written).date()


@dataclass(frozen=True)
class Stand:
    """The rows of `checkpoints` that matter here."""

    planned: dict[int, float]
    done: dict[int, dict[str, Any]]
    unfinished: int | None
    revisions_after: int
    states: tuple[str, ...]
    """Of all rows in their order."""


def stand_of(tables: str) -> Stand:
    """Read from the table itself."""
    rows = sorted(oracle.rows(f"{tables}/checkpoints"), key=lambda row: row["sequence"])
    planned = {row["batch"]: (row["at"] - BEGINNING).total_seconds() for row in rows if row["state"] == "PLANNED"}
    done = {row["batch"]: row for row in rows if row["state"] == "DONE"}
    gone = {row["batch"] for row in rows if row["state"] == "ABANDONED"}
    last = max(planned, default=0)
    first = json.loads(rows[0]["details"]) if rows else {}
    unfinished = last if last and last not in done and last not in gone else None
    return Stand(planned, done, unfinished, int(first.get("revisions_after") or 0), tuple(row["state"] for row in rows))


class Truth:
    """Judges one pipeline of one cluster."""

    def __init__(self, cluster: Cluster, tables: str) -> None:
        self.cluster = cluster
        self.tables = tables

    def judge(self) -> Stand:
        """Raise a `Violation` where an invariant does not hold now that no batch is unfinished."""
        stand = stand_of(self.tables)
        batches = oracle.stored_batches(self.tables)
        read = {number: self._read_by(row, stand.planned[number]) for number, row in stand.done.items()}
        expected = oracle.expect_of(read, stand.revisions_after)
        averaged_only = oracle.averaged_only(self.tables)
        pruned = DeltaTable(f"{self.tables}/records").transaction_version(f"{PIPELINE}/records/pruned") or 0
        kept = {one for one in expected.records if one[-1] > pruned and (one[-1] not in averaged_only or one[4])}
        invariants.check_records(oracle.found_records(self.tables), kept)
        invariants.check_aggregates("contributions", oracle.found_contributions(self.tables), expected.contributions)
        invariants.check_aggregates("daily averages", oracle.found_averages(self.tables), expected.averages)
        invariants.check_output(self.output(), expected.output)
        self._check_progress(stand, batches)
        return stand

    def _check_progress(self, stand: Stand, batches: dict[int, dict[int, tuple[int, int]]]) -> None:
        """I5, of the batches of the topic that is there now: each topic that was created again begins anew."""
        own = {number for number, row in stand.done.items() if row["topic_id"] == self.cluster.topics[INPUT].id}
        decided = oracle.decided(self.tables)
        others = decided.abandoned | (batches.keys() - own)
        kept = {number: ranges for number, ranges in batches.items() if number in own}
        invariants.check_progress(self.group(), kept, oracle.Decided(others, decided.resumes))

    def left_unread(self) -> int:
        """Offsets that are to be read and were not."""
        ends = self.group()
        return sum(log.stable - ends.get(log.number, 0) for log in self.cluster.topics[INPUT].logs)

    def _read_by(self, done: dict[str, Any], planned: float) -> Iterator[oracle.Sent]:
        topics = (*self.cluster.past, *self.cluster.topics.values())
        logs = next(topic.logs for topic in topics if topic.id == done["topic_id"])
        for one in done["ranges"]:
            for record in visible(logs[one["partition"]], one["start"], one["end"], planned):
                fields = json.loads(record.value or b"") if (record.value or b"").startswith(b"{") else {}
                is_reading = {"datetime", "voltage"} <= fields.keys()
                found = oracle.sent(one["partition"], record.offset, record.value, day_of)
                require("I2", is_reading == (found.day is not None), f"the oracle does not understand {record.value!r}")
                yield found

    def output(self) -> dict[int, list[tuple[Any, ...]]]:
        """What a read_committed consumer sees, or has seen if it was there all the time."""
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for log, one in self._published():
            message = Message(topic=OUTPUT, partition=log.number, key=one.key, value=one.value, headers=list(one.headers))
            found[log.number].append(oracle.record_of(message))
        return found

    def _published(self) -> Iterator[tuple[Log, Stored]]:
        """The batches' own publications as far as they are or were to be seen."""
        for log in self.cluster.topics[OUTPUT].logs:
            for one in log.history:
                is_marked = one.transaction is None or log not in one.transaction.unmarked
                if is_publication(one) and is_marked and log.is_committed(one) and one.lost is None:
                    yield log, one

    def is_published(self) -> str:
        """Whether the unfinished batch was ever to be seen on the output topic: yes, no, or the rest of it is missing."""
        batch = stand_of(self.tables).unfinished or 0
        wanted = {(key[1], str(key[2]).encode()) for key in oracle.found_contributions(self.tables) if key[0] == batch}
        seen = {(log.number, one.key) for log, one in self._published() if dict(one.headers)["batch"] == b"%d" % batch}
        return "yes" if wanted <= seen else "rest" if wanted & seen else "no"

    def group(self) -> dict[int, int]:
        """The offsets that the group has committed."""
        found = self.cluster.groups.get(PIPELINE, {})
        return {number: offset for (topic, number), (offset, _) in found.items() if topic == INPUT}

    def require_published_once(self) -> None:
        """At any moment: no batch's average is seen twice, and the revisions of a day have no gap."""
        revisions: dict[tuple[int, bytes | None], int] = {}
        for log, one in self._published():
            revision = int(dict(one.headers)["revision"])
            day = (log.number, one.key)
            before = revisions.get(day, revision - 1)
            require("I4", revision == before + 1, f"{day}: revision {revision} follows {before}")
            revisions[day] = revision


def is_publication(record: Stored) -> bool:
    """Whether a record of the output topic is what a batch published, and not somebody else's or published again."""
    names = dict(record.headers)
    return "pipeline" in names and "republished" not in names


def visible(log: Log, start: int, end: int, planned: float) -> Iterator[Stored]:
    """Records of a planned range that are to be counted: those that a reader saw when it was planned."""
    for one in log.history:
        aborted = one.transaction is not None and one.transaction.outcome == "aborted"
        was_there = one.written <= planned and (one.lost is None or one.lost > planned)
        if start <= one.offset < end and not one.control and not aborted and was_there:
            yield one


def reading(day: int, value: Decimal) -> bytes:
    """A message that is a reading."""
    return json.dumps({"datetime": f"2026-05-{day:02d}T10:00:00", "voltage": float(value)}).encode()

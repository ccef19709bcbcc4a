"""What tables, output topic and group must hold, from what a simulated cluster knows of its own logs.

The rules are those of `tests/oracle.py` and `tests/invariants.py`; only where messages and offsets come from is another place.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from confluent_kafka import Message
from deltalake import DeltaTable

from tests import invariants, oracle
from tests.violations import Violation, require
from tests.worlds.cluster import Cluster, Log, Stored

INPUT, OUTPUT, PIPELINE = "in", "out", "p"


def day_of(written: Any) -> date:
    """The day of a message's time; all of them are in UTC."""
    return datetime.fromisoformat(written).date()


Planned = Mapping[str, Sequence[float]]
"""When each run has planned its batches, one after the other, by the world's clock."""


@dataclass(frozen=True)
class Stand:
    """The rows of `checkpoints`, and what of them matters here."""

    rows: oracle.Rows
    planned: dict[int, float]
    """When each batch was."""

    @classmethod
    def of(cls, tables: str, planned: Planned) -> "Stand":
        """Read from the table itself."""
        rows = sorted(oracle.rows(f"{tables}/checkpoints"), key=lambda row: row["sequence"])
        times = {run: iter(those) for run, those in planned.items()}
        return cls(rows, {row["batch"]: next(times[row["run_id"]]) for row in rows if row["state"] == "PLANNED"})

    @property
    def done(self) -> dict[int, dict[str, Any]]:
        return {row["batch"]: row for row in self.rows if row["state"] == "DONE"}

    @property
    def states(self) -> tuple[str, ...]:
        """Of all rows in their order."""
        return tuple(row["state"] for row in self.rows)

    @property
    def unfinished(self) -> int | None:
        last = max(self.planned, default=0)
        ended = any(row["batch"] == last and row["state"] in ("DONE", "ABANDONED") for row in self.rows)
        return last if last and not ended else None

    @property
    def revisions_after(self) -> int:
        """Above which revisions begin."""
        first = json.loads(self.rows[0]["details"]) if self.rows else {}
        return int(first.get("revisions_after") or 0)


class Truth:
    """Judges one pipeline of one cluster; `planned` grows while the world is lived through."""

    def __init__(self, cluster: Cluster, tables: str, planned: Planned) -> None:
        self.cluster = cluster
        self.tables = tables
        self.planned = planned
        self.begins: dict[Log, int] = {}
        """Where the output's logs begin in this life of the pipeline."""
        self.revision = 0
        """The highest one that readers may have kept from an earlier life."""

    def judge(self, *, may_be_back: bool = False) -> Stand:
        """Raise a `Violation` where an invariant does not hold now that no batch is unfinished. Pruned records `may_be_back`
        where somebody has restored an older version: they count as before, and nobody counts them again.
        """
        stand = Stand.of(self.tables, self.planned)
        self.check_tables(stand, self._gone(stand, may_be_back=may_be_back))
        self._check_progress(stand)
        return stand

    def check_tables(self, stand: Stand, gone: frozenset[int]) -> None:
        """All but the group; records of the batches that are `gone` were pruned."""
        expected = self._expected(stand)
        self._check_records(stand, gone, expected)
        invariants.check_aggregates("contributions", oracle.found_contributions(self.tables), expected.contributions)
        self._check_averages(expected)

    def is_beyond_proof(self) -> bool:
        """Whether all that is wrong are extremes of contributions of which nothing else tells: their batches' records are not
        there, some readings could have them with the same sum and count, and the day has its own from other batches.
        """
        stand = Stand.of(self.tables, self.planned)
        gone = self._gone(stand, may_be_back=True)
        expected, without_records = self._expected(stand), oracle.averaged_only_of(stand.rows)
        try:
            self._check_records(stand, gone, expected)
            self._check_averages(expected)
            found = oracle.found_contributions(self.tables)
        except Violation:
            return False
        changed = {key: row for key, row in found.items() if row != expected.contributions.get(key)}
        return found.keys() == expected.contributions.keys() and all(
            key[0] in without_records | gone and row[:2] == expected.contributions[key][:2] and _could_be(*row)
            for key, row in changed.items()
        )

    def _check_records(self, stand: Stand, gone: frozenset[int], expected: oracle.Expected) -> None:
        averaged_only = oracle.averaged_only_of(stand.rows)
        kept = {one for one in expected.records if one[-1] not in gone and (one[-1] not in averaged_only or one[4])}
        invariants.check_records(oracle.found_records(self.tables), kept)

    def _check_averages(self, expected: oracle.Expected) -> None:
        invariants.check_aggregates("daily averages", oracle.found_averages(self.tables), expected.averages)
        invariants.check_output(self.output(), expected.output)

    def _gone(self, stand: Stand, *, may_be_back: bool) -> frozenset[int]:
        """Batches whose records were pruned."""
        last = DeltaTable(f"{self.tables}/records").transaction_version(f"{PIPELINE}/records/pruned") or 0
        back = {row["batch"] for row in oracle.rows(f"{self.tables}/records")} if may_be_back else set[int]()
        return frozenset(batch for batch in stand.done if batch <= last) - back

    def _expected(self, stand: Stand) -> oracle.Expected:
        read = {number: self._read_by(row, stand.planned[number]) for number, row in stand.done.items()}
        return oracle.expect_of(read, stand.revisions_after)

    def _check_progress(self, stand: Stand) -> None:
        """I5, of the batches of the topic that is there now: each topic that was created again begins anew."""
        batches, decided = oracle.batches_of(stand.rows), oracle.decided_of(stand.rows)
        own = {number for number, row in stand.done.items() if row["topic_id"] == self.cluster.topics[INPUT].id}
        others = decided.abandoned | (batches.keys() - own)
        kept = {number: ranges for number, ranges in batches.items() if number in own}
        invariants.check_progress(self.group(), kept, oracle.Decided(others, decided.resumes))

    def left_unread(self) -> int:
        """Offsets that are to be read and were not."""
        ends = self.group()
        return sum(log.stable - ends.get(log.number, 0) for log in self.cluster.topics[INPUT].logs)

    def _read_by(self, done: dict[str, Any], planned: float) -> Iterator[oracle.Sent]:
        for number, record in self.stored_of(done, planned):
            fields = json.loads(record.value or b"") if (record.value or b"").startswith(b"{") else {}
            is_reading = {"datetime", "voltage"} <= fields.keys()
            found = oracle.sent(number, record.offset, record.value, day_of)
            require("I2", is_reading == (found.day is not None), f"the oracle does not understand {record.value!r}")
            yield found

    def stored_of(self, done: dict[str, Any], planned: float) -> Iterator[tuple[int, Stored]]:
        """What a finished batch is to have read, with the partition of each."""
        topics = (*self.cluster.past, *self.cluster.topics.values())
        logs = next(topic.logs for topic in topics if topic.id == done["topic_id"])
        for one in done["ranges"]:
            for record in visible(logs[one["partition"]], one["start"], one["end"], planned):
                yield one["partition"], record

    def output(self) -> dict[int, list[tuple[Any, ...]]]:
        """What a read_committed consumer sees, or has seen if it was there all the time."""
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for log, one in self.publications():
            message = Message(topic=OUTPUT, partition=log.number, key=one.key, value=one.value, headers=list(one.headers))
            found[log.number].append(oracle.record_of(message))
        return found

    def publications(self) -> Iterator[tuple[Log, Stored]]:
        """The batches' own publications as far as they are or were to be seen."""
        for log in self.cluster.topics[OUTPUT].logs:
            for one in log.history:
                is_marked = one.transaction is None or log not in one.transaction.unmarked
                if (
                    one.offset >= self.begins.get(log, 0)
                    and is_publication(one)
                    and is_marked
                    and log.is_committed(one)
                    and one.lost is None
                ):
                    yield log, one

    def is_published(self) -> str:
        """Whether the unfinished batch was ever to be seen on the output topic: yes, no, or the rest of it is missing."""
        batch = Stand.of(self.tables, self.planned).unfinished or 0
        wanted = {(key[1], str(key[2]).encode()) for key in oracle.found_contributions(self.tables) if key[0] == batch}
        seen = {(log.number, one.key) for log, one in self.publications() if dict(one.headers)["batch"] == b"%d" % batch}
        return "yes" if wanted <= seen else "rest" if wanted & seen else "no"

    def group(self) -> dict[int, int]:
        """The offsets that the group has committed."""
        found = self.cluster.groups.get(PIPELINE, {})
        return {number: offset for (topic, number), (offset, _) in found.items() if topic == INPUT}

    def require_published_once(self) -> None:
        """At any moment: no batch's average is seen twice, and the revisions of a day have no gap."""
        revisions: dict[tuple[int, bytes | None], int] = {}
        for log, one in self.publications():
            revision = int(dict(one.headers)["revision"])
            day = (log.number, one.key)
            before = revisions.get(day, max(revision - 1, self.revision))
            require("I4", revision == before + 1, f"{day}: revision {revision} follows {before}")
            revisions[day] = revision


def _could_be(total: Decimal, count: int, least: Decimal, greatest: Decimal) -> bool:
    """Whether some readings have that sum, that number, that least and that greatest value."""
    if count == 1:
        return least == greatest == total
    others = total - least - greatest
    return least <= greatest and (count - 2) * least <= others <= (count - 2) * greatest


def is_publication(record: Stored) -> bool:
    """Whether a record of the output topic is what a batch published, and not somebody else's or published again."""
    names = dict(record.headers)
    return "pipeline" in names and "republished" not in names


def visible(log: Log, start: int, end: int, planned: float) -> Iterator[Stored]:
    """Records of a planned range that are to be counted: those that a reader saw when it was planned."""
    for one in log.history:
        aborted = one.transaction is not None and one.transaction.outcome == "aborted"
        was_there = one.written <= planned and all(gone is None or gone > planned for gone in (one.lost, one.compacted))
        if start <= one.offset < end and not one.control and not aborted and was_there:
            yield one


def reading(day: int, value: Decimal) -> bytes:
    """A message that is a reading."""
    return json.dumps({"datetime": f"2026-05-{day:02d}T10:00:00", "voltage": float(value)}).encode()

"""What the tables, the messages and the members of a world's declared aggregates must hold, by the oracle of such pipelines."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests import invariants
from tests import oracle as plain
from tests.declared import oracle
from tests.violations import require
from tests.worlds.cluster import Cluster
from tests.worlds.declared import Declaration
from tests.worlds.truth import INPUT, Planned, Stand, Truth


class DeclaredTruth(Truth):
    """Judges a pipeline that declares aggregates, by what it declares when it is judged."""

    def __init__(self, cluster: Cluster, tables: str, planned: Planned, declared: Declaration) -> None:
        super().__init__(cluster, tables, planned)
        self._declared = declared

    def check_tables(self, stand: Stand, gone: frozenset[int]) -> None:
        """See `Truth`."""
        read = [(batch, one) for batch in stand.done for one in self._readings(stand, batch)]
        wanted = self._declared.wanted(stand.planned, dict(_rebuilt(stand)))
        counted = [(batch, one) for batch, one in read if one.counts]
        expected = oracle.expect_of(counted, wanted)
        for one in (row for those in expected.published.values() for _, _, row, _ in those):
            one["revision"] += stand.revisions_after
        self._check_readings([(batch, one) for batch, one in read if batch not in gone])
        for one in wanted:
            if any(one.counted_in(batch) is not None for batch, _ in counted):
                self._check_totals(one, expected)
                self._check_contributions(one, counted)
        for name, members in expected.members.items():
            rows = plain.rows(f"{self.tables}/{name}") if members else []
            others = ("count", "revision", "batch")
            found = {tuple(row[key] for key in row if key not in others): row["count"] for row in rows}
            invariants.check_aggregates(name, found, members)
        self._check_output(expected, wanted)

    def is_beyond_proof(self) -> bool:
        """See `Truth`; nobody changes a row of such a pipeline."""
        return False

    def _readings(self, stand: Stand, batch: int) -> Iterator[oracle.Reading]:
        for number, record in self.stored_of(stand.done[batch], stand.planned[batch]):
            yield self._declared.read(number, record)

    def _check_readings(self, read: list[tuple[int, oracle.Reading]]) -> None:
        """I1, I2, and I8: each is there once, as what it is."""
        expected = {
            (batch, one.partition, one.offset, one.at, *_values(one.values), None if one.values is None else one.is_filtered)
            for batch, one in read
        }
        names = ("batch", "partition", "offset", "event_time", "user", "channel", "amount", "size", "filtered")
        rows = plain.rows(f"{self.tables}/records")
        for row in rows:
            require("I8", (row["rejected_because"] is None) == (row["user"] is not None), f"{row} is half rejected")
        invariants.check_records([tuple(row[name] for name in names) for row in rows], expected)

    def _check_totals(self, one: oracle.Wanted, expected: oracle.Expected) -> None:
        keys, totals = (oracle.column_of(one), *one.dimensions), expected.totals[one.name]
        rows = plain.rows(f"{self.tables}/{one.name}")
        shown = list(next(iter(totals.values()), {}))
        found = {tuple(row[name] for name in keys): {name: row[name] for name in shown} for row in rows}
        require("I3", len(found) == len(rows), f"{one.name} has a group twice")
        invariants.check_aggregates(one.name, found, totals)

    def _check_contributions(self, one: oracle.Wanted, counted: list[tuple[int, oracle.Reading]]) -> None:
        """Each batch's, as if it were alone; of the states, those that are results."""
        keys = (oracle.column_of(one), *one.dimensions)
        rows = plain.rows(f"{self.tables}/{one.name}_contributions")
        by_batch: dict[int, list[tuple[int, oracle.Reading]]] = {}
        for batch, reading in counted:
            if (counts_in := one.counted_in(batch)) is not None:
                by_batch.setdefault(counts_in, []).append((counts_in, reading))
        alone = replace(one, since=0)
        expected = {
            (batch, *group): {name: row[name] for name in row if name in rows[0] and name not in ("revision", "batch")}
            for batch, those in by_batch.items()
            for group, row in oracle.expect_of(those, [alone]).totals[one.name].items()
        }
        names = next(iter(expected.values()), {}).keys() - _unique(one)
        found = {tuple(row[name] for name in ("batch", *keys)): {name: row[name] for name in names} for row in rows}
        require("I3", len(found) == len(rows), f"the contributions of {one.name} have a group twice")
        those = {key: {name: row[name] for name in names} for key, row in expected.items()}
        invariants.check_aggregates(f"contributions of {one.name}", found, those)

    def _check_output(self, expected: oracle.Expected, wanted: list[oracle.Wanted]) -> None:
        """I4 and I6: each revision once, and where the partition is a dimension, there."""
        by_name = {one.name: one for one in wanted if one.name in self._declared.published}
        right = [
            (batch, count, oracle.message_of(by_name[name], group, row))
            for batch, those in expected.published.items()
            for name, group, row, count in those
            if name in by_name
        ]
        found = []
        for log, one in self.publications():
            headers = {name: value.decode() for name, value in one.headers}
            value, key = oracle.read_json(one.value), oracle.read_json(one.key)
            require("I4", key == {name: value[name] for name in key}, f"the key {key} is not of {value}")
            told = (headers["aggregate"], int(headers["revision"]))
            require("I4", told == (value["aggregate"], value["revision"]), f"{headers} of {value}")
            require("I6", value.get("partition", log.number) == log.number, f"{value} in partition {log.number}")
            found.append((int(headers["batch"]), int(headers["count"]), value))
        missing = [one for one in right if one not in found]
        never = [one for one in found if one not in right]
        require("I4", not missing and not never and len(found) == len(right), f"missing {missing}, never made {never}")

    def is_published(self) -> str:
        """See `Truth`; where nothing is published the group alone knows."""
        batch = Stand.of(self.tables, self.planned).unfinished or 0
        wanted = set[str]()
        for name in self._declared.published:
            one = next(one for one in self._declared.wanted({}, {}) if one.name == name)
            if not Path(f"{self.tables}/{name}_contributions").is_dir():
                continue
            for row in plain.rows(f"{self.tables}/{name}_contributions"):
                if row["batch"] == batch:
                    column = oracle.column_of(one)
                    group = {column: oracle.shown_window(one, row[column]), **{key: row[key] for key in one.dimensions}}
                    wanted.add(json.dumps({"aggregate": name, **group}, sort_keys=True))
        if not wanted:
            return "yes" if self._has_committed(batch) else "no"
        seen = {
            json.dumps(json.loads(one.key or b""), sort_keys=True)
            for _, one in self.publications()
            if dict(one.headers)["batch"] == b"%d" % batch
        }
        return "yes" if wanted <= seen else "rest" if wanted & seen else "no"

    def _has_committed(self, batch: int) -> bool:
        groups = (*self.cluster.group_history, self.cluster.groups)
        return any(
            metadata == f"b={batch}"
            for offsets in groups
            for those in offsets.values()
            for (topic, _), (_, metadata) in those.items()
            if topic == INPUT
        )


def _rebuilt(stand: Stand) -> Iterator[tuple[str, int]]:
    """Which aggregate each batch has rebuilt, by its own row."""
    for batch, row in stand.done.items():
        if found := json.loads(row["details"]).get("rebuild"):
            require("I5", all(one["start"] == one["end"] for one in row["ranges"]), f"batch {batch} rebuilds and reads")
            yield found["aggregate"], batch


def _values(values: Mapping[str, Any] | None) -> tuple[Any, ...]:
    return tuple((values or {}).get(name) for name in ("user", "channel", "amount", "size"))


def _unique(one: oracle.Wanted) -> set[str]:
    """Results that no contribution holds."""
    return {name for name, measure in one.measures.items() if measure.kind == "unique"}

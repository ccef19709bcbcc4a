"""The eight invariants, as checks of a test's world against the oracle; a broken one is a `Violation` that says which.

I1 completeness, I2 no invention, I3 aggregates, I4 publication, I5 progress, I6 co-partitioning, I7 isolation, I8 honesty: each
is told in `docs/failures.md`. Shares no code with the program.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests import oracle
from tests.oracle import Decided
from tests.violations import require, require_none, shown


def check_records(found: Iterable[tuple[Any, ...]], expected: set[tuple[Any, ...]]) -> None:
    """I1 and I2: every visible record is there once, and nothing else is."""
    times = Counter(found)
    require_none("I1", {row for row, count in times.items() if count > 1}, "records are stored twice")
    never_sent = times.keys() - expected
    require_none("I1", expected - times.keys(), f"records are missing ({len(never_sent)} were never sent: {shown(never_sent)})")
    require_none("I2", never_sent, "records were never sent")


def check_aggregates(what: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """I3: compared with `=`, no tolerance."""
    wrong = [(key, found.get(key), expected.get(key)) for key in found.keys() | expected.keys()]
    require_none("I3", [one for one in wrong if one[1] != one[2]], f"{what} differ (key, found, expected)")


def check_output(found: Mapping[int, list[Any]], expected: Mapping[int, list[Any]]) -> None:
    """I6 and I4: the right partitions, and in each exactly the batches' averages, once, in order."""
    everywhere = [Counter(one for records in side.values() for one in records) for side in (found, expected)]
    if everywhere[0] == everywhere[1]:
        for number in found.keys() | expected.keys():
            same = Counter(found.get(number, [])) == Counter(expected.get(number, []))
            require("I6", same, f"partition {number} holds averages of another one")
    for number in sorted(found.keys() | expected.keys()):
        told = f"partition {number} of the output holds {found.get(number, [])}, expected {expected.get(number, [])}"
        require("I4", found.get(number, []) == expected.get(number, []), told)


def check_progress(group: Mapping[int, int], batches: Mapping[int, Mapping[int, tuple[int, int]]], decided: Decided) -> None:
    """I5: batches without holes, each beginning where the one before ended, and the group at the last end.

    What an operator decided is no hole: a batch that was abandoned, offsets of an accepted loss.
    """
    numbers = sorted({*batches, *decided.abandoned})
    require("I5", numbers == list(range(1, len(numbers) + 1)), f"batch numbers have holes: {numbers}")
    ends: dict[int, int] = {}
    for number, ranges in sorted(batches.items()):
        for partition, (start, end) in ranges.items():
            before = decided.resumes.get((number - 1, partition), ends.get(partition, start))
            require("I5", start == before, f"batch {number} begins partition {partition} at {start}, the last ended at {before}")
            ends[partition] = end
    require("I5", dict(group) == ends, f"the group is at {dict(group)}, the batches end at {ends}")


def check_second_opinion(spark: Any, tables: str) -> None:
    """Spark reads what delta-rs reads, row for row, in each of the three tables of readings."""
    for name in ("records", "contributions", "daily_averages"):
        by_spark = spark.read.format("delta").load(f"{tables}/{name}").toArrow()
        by_delta_rs = oracle.rows(f"{tables}/{name}")
        ours, theirs = (Counter(map(str, map(_plain, rows))) for rows in (by_spark.to_pylist(), by_delta_rs))
        require("I7", ours == theirs, f"Spark and delta-rs read {name} differently")


def _plain(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Comparable whatever the reader: sorted, without time zones' names."""
    return sorted((name, value.timestamp() if hasattr(value, "timestamp") else value) for name, value in row.items())

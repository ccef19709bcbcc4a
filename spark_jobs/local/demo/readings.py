"""The household readings: where their CSV is, what each row is as a message, and which rows a topic still lacks.

The CSV is in time order and a day always goes to the same partition, so how many records a partition holds says which rows it
holds. That is why an interrupted load can go on where it ended without remembering anything. Sends nothing.
"""

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spark_jobs.base.errors import ConfigurationError

PACKAGE, FILE = "EnergyData", "EnergyData/data/householdpower.csv"
SOURCE = "UCI Machine Learning Repository, Individual household electric power consumption, as packaged in EnergyData 0.0.2"
TIME_COLUMN, VALUE_COLUMN = "date_time", "Voltage"


@dataclass(frozen=True)
class Day:
    """The rows of one day: `count` of them from row `first` of the CSV on."""

    date: str
    first: int
    count: int

    @property
    def key(self) -> bytes:
        """What its messages are keyed by."""
        return self.date.encode()


@dataclass(frozen=True)
class Missing:
    """A day of which a partition holds only the first `present` rows, or none."""

    day: Day
    partition: int
    present: int

    @property
    def count(self) -> int:
        return self.day.count - self.present


@dataclass(frozen=True)
class Readings:
    """Rows of the CSV in its order, both columns as the texts that stand there."""

    times: pa.Array
    values: pa.Array

    @cached_property
    def days(self) -> tuple[Day, ...]:
        """One for each date, in order."""
        runs = pc.run_end_encode(pc.utf8_slice_codeunits(self.times, 0, 10))
        bounds = pairwise([0, *runs.run_ends.to_pylist()])
        return tuple(Day(day, start, end - start) for day, (start, end) in zip(runs.values.to_pylist(), bounds, strict=True))

    @property
    def count(self) -> int:
        return len(self.times)

    def first_days(self, count: int) -> "Readings":
        """Only that many days from the start."""
        end = sum(day.count for day in self.days[:count])
        return Readings(self.times.slice(0, end), self.values.slice(0, end))

    def messages(self, missing: Missing) -> Iterator[bytes]:
        """The messages that are missing of a day, in order."""
        first = missing.day.first + missing.present
        times, values = (column.slice(first, missing.count).to_pylist() for column in (self.times, self.values))
        return map(message, times, values)


def message(moment: str, value: str) -> bytes:
    """One reading as the topic's producers write it; the digits of the value are those of the CSV, never those of a double.

    >>> message("2006-12-23 16:52:00", "239.94")
    b'{"datetime": "23/12/2006 16:52:00", "voltage": 239.94}'
    """
    return f'{{"datetime": "{moment[8:10]}/{moment[5:7]}/{moment[:4]} {moment[11:]}", "voltage": {value}}}'.encode()


def find_csv() -> Path:
    """The CSV of the installed package, which is not imported: it would need setuptools."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.as_posix() == FILE]
    if not found or not found[0].exists():
        raise ConfigurationError(
            f"the household readings are missing: {FILE} of the Python package {PACKAGE} is not installed; run `make setup`"
        )
    return found[0]


def read_readings(path: Path) -> Readings:
    """All rows of the CSV."""
    columns = {TIME_COLUMN: pa.string(), VALUE_COLUMN: pa.string()}
    options = pyarrow.csv.ConvertOptions(include_columns=list(columns), column_types=columns)
    try:
        rows = pyarrow.csv.read_csv(path, convert_options=options).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as the household readings ({error}); run `make clean`, then again"
        ) from error
    return Readings(rows[TIME_COLUMN].chunk(0), rows[VALUE_COLUMN].chunk(0))


def missing_rows(days: Iterable[Day], present: Mapping[int, int], partitions: int) -> list[Missing]:
    """What is still to send so that each partition, of whose rows the first `present[partition]` are there, has all."""
    left = dict(present)
    missing = []
    for day in days:
        partition = partition_of(day.key, partitions)
        there = min(left.get(partition, 0), day.count)
        left[partition] = left.get(partition, 0) - there
        if there < day.count:
            missing.append(Missing(day, partition, there))
    return missing


def rows_per_partition(days: Iterable[Day], partitions: int) -> dict[int, int]:
    """How many rows each partition has once everything is sent."""
    rows = dict.fromkeys(range(partitions), 0)
    for day in days:
        rows[partition_of(day.key, partitions)] += day.count
    return rows


def partition_of(key: bytes, partitions: int) -> int:
    """Where Java's default partitioner, and librdkafka's `murmur2`, send a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's Java client (org.apache.kafka.common.utils.Utils), without its sign.

    >>> [hex(murmur2(key)) for key in (b"21", b"foobar", b"a-little-bit-long-string")]
    ['0xc5f2f8ec', '0xd0e47bbe', '0xc53b1da0']
    """
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    mixed = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * factor & mask
        mixed = (mixed * factor & mask) ^ ((word ^ word >> 24) * factor & mask)
    if tail := data[whole:]:
        mixed = (mixed ^ int.from_bytes(tail, "little")) * factor & mask
    mixed = (mixed ^ mixed >> 13) * factor & mask
    return mixed ^ mixed >> 15

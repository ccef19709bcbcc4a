"""How much processor time reading declared fields takes: `python -m benchmarks.parsing`.

Messages are made, stored as Parquet and read by Spark into nothing, by each way in turn. A ratio is that of the best runs, to
messages of nothing but a number and a time in the same format. The JVM's processor time is counted, so other work of the machine
matters less than it does to seconds.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from spark_jobs.launch.java import find_java
from spark_jobs.launch.session import build_session
from spark_jobs.launch.submit import COLLECTOR, LONG_METHODS_TOO
from spark_jobs.pipeline.declared import FieldSettings
from spark_jobs.pipeline.record_rules import record_rules
from spark_jobs.pipeline.rules import DeclaredRules, ParsingRules
from spark_jobs.readings.declared_records import declared_records_of
from spark_jobs.readings.records import records_of
from spark_jobs.readings.shapes import learned_shapes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NONCE, LEARNED_FROM = "0123456789abcdef", 50
PATTERN, ISO = "yyyy-MM-dd HH:mm:ss", "iso8601"
FIELDS: dict[str, dict[str, Any]] = {
    "channel": {"type": "string"},
    "user": {"type": "string"},
    "cost": {"type": "decimal(12,6)", "required": False},
}
NESTED = {**FIELDS, "user": {"type": "string", "path": "user.id"}}


@dataclass(frozen=True)
class Kind:
    """Messages of one form; `text` has places for time, channel, user and cost."""

    time_format: str
    text: str
    fields: Mapping[str, Mapping[str, Any]] | None = None


KINDS = {
    "one number": Kind(PATTERN, '{{"ts": "{time}", "cost": {cost}}}'),
    "four fields": Kind(PATTERN, '{{"ts": "{time}", "user": "{user}", "channel": "{channel}", "cost": {cost}}}', FIELDS),
    "one number, ISO time": Kind(ISO, '{{"ts": "{time}", "cost": {cost}}}'),
    "ads": Kind(ISO, '{{"ts": "{time}", "channel": "{channel}", "user": {{"id": "{user}"}}, "cost": {cost}}}', NESTED),
}
BASE = {PATTERN: "one number", ISO: "one number, ISO time"}


def messages(kind: Kind, count: int) -> Iterator[bytes]:
    """The same for every run."""
    chance = random.Random(5)
    for number in range(count):
        moment = datetime(2026, 3, 1) + timedelta(milliseconds=37 * number)
        iso = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+01:00"
        yield kind.text.format(
            time=iso if kind.time_format == ISO else f"{moment:%Y-%m-%d %H:%M:%S}",
            channel=chance.choice(("mail", "web", "search", "social")),
            user=f"u-{chance.randrange(200_000)}",
            cost=chance.randrange(10**6) / 10**4,
        ).encode()


def store(kind: Kind, count: int, place: Path) -> None:
    """As Spark reads them from Kafka."""
    columns = {
        "key": pa.array([b"d%d" % (number % 100) for number in range(count)], pa.binary()),
        "value": pa.array(messages(kind, count), pa.binary()),
        "partition": pa.array([0] * count, pa.int32()),
        "offset": pa.array(range(count), pa.int64()),
        "timestamp": pa.array([datetime(2026, 5, 1, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
    }
    pq.write_table(pa.table(columns), place)


def read(stored: "DataFrame", kind: Kind, shapes: tuple[str, ...]) -> "DataFrame":
    """The records that the messages are."""
    times: dict[str, Any] = {
        "time_field": "ts",
        "time_format": (kind.time_format,),
        "timezone": "Europe/Zurich",
        "earliest": datetime(1970, 1, 1, tzinfo=UTC),
        "latest": datetime(2100, 1, 1, tzinfo=UTC),
    }
    if kind.fields is None:
        number = ParsingRules(**times, value_field="cost", precision=12, scale=6, excess_digits="round")
        return records_of(stored, rules=number, batch=1, nonce=NONCE)
    fields = {name: FieldSettings.model_validate(one) for name, one in kind.fields.items()}
    declared = DeclaredRules(**times, records=record_rules(fields, {}, None, "Europe/Zurich"), aggregates=())
    return declared_records_of(stored, rules=declared, batch=1, nonce=NONCE, shapes=shapes)


def processor_seconds(pid: int) -> float:
    """Of a process so far, by the kernel's accounts."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def session() -> "SparkSession":
    """With one core, and the options of a submitted job that matter here."""
    options = f"--driver-memory 2g --driver-java-options '{COLLECTOR} {LONG_METHODS_TOO}' --conf spark.ui.enabled=false"
    arguments = f"--master local[1] {options} --conf spark.ui.showConsoleProgress=false pyspark-shell"
    os.environ |= {"JAVA_HOME": str(find_java()), "PYSPARK_SUBMIT_ARGS": arguments}
    return build_session("benchmark")


def measured(ways: Mapping[str, "DataFrame"], repeats: int) -> dict[str, list[float]]:
    """Processor seconds of each way's runs; one before them is for the compiler and is not counted."""
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, records in ways.items():
            before = processor_seconds(gateway.proc.pid)
            records.write.format("noop").mode("overwrite").save()
            seconds[name].append(processor_seconds(gateway.proc.pid) - before)
    return {name: found[1:] for name, found in seconds.items()}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.parsing", description="Compare the ways of reading messages.")
    parser.add_argument("--messages", type=int, default=500_000, help="of each form (default 500000)")
    parser.add_argument("--repeats", type=int, default=7, help="runs of each way (default 7)")
    asked = parser.parse_args(arguments)
    spark = session()
    ways, formats = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in KINDS.items():
            place = Path(folder, f"{name}.parquet")
            store(kind, asked.messages, place)
            learned = learned_shapes(messages(kind, LEARNED_FROM))
            taken = {", by shapes": learned, ", no shapes": ()} if kind.fields else {"": ()}
            for suffix, shapes in taken.items():
                ways[name + suffix] = read(spark.read.parquet(str(place)), kind, shapes)
                formats[name + suffix] = kind.time_format
        seconds = measured(ways, asked.repeats)
    table = Table("messages", "best CPU s", "all CPU s", "to one number")
    for name, runs in seconds.items():
        ratio = min(runs) / min(seconds[BASE[formats[name]]])
        table.add_row(name, f"{min(runs):.2f}", " ".join(f"{one:.2f}" for one in runs), f"{ratio:.2f}")
    Console().print(table)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Time the job against its floor: `make bench-floor`.

The floor is a `spark-submit` of `floor_job.py`, which builds the same session and reads the same offsets into `noop`. Both are
whole processes, from submit to exit, in turn (floor, ours, floor, ours ...), on a broker and tables of their own below
`data/bench`. Each of our runs is a pipeline of its own on the same topic, so every run reads the same records; its averages are
compared with the sums of what was sent before its time counts. Prints a table and writes `data/bench/floor.json`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median

import pyarrow.compute as pc
from confluent_kafka import Producer
from deltalake import DeltaTable
from rich.console import Console
from rich.table import Table

from spark_jobs.broker import connect
from spark_jobs.kafka_settings import load_kafka_settings
from spark_jobs.local.java import find_java
from spark_jobs.local.kafka_server import create_topics, start_kafka
from spark_jobs.submit import PROJECT, job_arguments, submit_command

FOLDER = PROJECT / "data" / "bench"
PARTITIONS = 4
DRIVER_MEMORY = ("--conf", "spark.driver.memory=1g")


@dataclass(frozen=True)
class Result:
    """Seconds from submit to exit of each pair of runs, and the median of the ratios ours / floor."""

    work: str
    records: int
    floor_seconds: list[float]
    our_seconds: list[float]

    @property
    def ratio(self) -> float:
        return median(ours / floor for ours, floor in zip(self.our_seconds, self.floor_seconds, strict=True))


class Bench:
    """One broker, one input topic, and as many pipelines on it as there are runs."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.environment = {**os.environ, "JAVA_HOME": str(find_java()), "PYSPARK_PYTHON": sys.executable}
        self.kafka = FOLDER / "kafka.properties"
        self.kafka.write_text(f"bootstrap.servers={bootstrap}\n")
        create_topics(bootstrap, {"bench-in": PARTITIONS})
        self.sent: list[Decimal] = []

    def send(self, count: int) -> None:
        """`count` minutes of readings, a day's on one partition."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 50, "compression.type": "lz4"})
        for text, value, partition in _readings(len(self.sent), count):
            while True:
                try:
                    producer.produce("bench-in", text, partition=partition)
                    break
                except BufferError:
                    producer.poll(0.1)
            self.sent.append(value)
        assert producer.flush(60) == 0

    def pipeline(self, name: str) -> Path:
        """A pipeline file and an output topic of its own."""
        create_topics(self.bootstrap, {f"{name}-out": PARTITIONS})
        path = FOLDER / f"{name}.yaml"
        settings = {
            "name": name,
            "kafka": str(self.kafka),
            "lake": str(FOLDER / "lake"),
            "state": str(FOLDER / "state"),
            "input": {
                "topic": "bench-in",
                "time": {"field": "datetime", "format": "dd/MM/yyyy HH:mm:ss"},
                "value": {"field": "voltage"},
            },
            "output": {"topic": f"{name}-out"},
        }
        path.write_text(json.dumps(settings))
        return path

    def ours(self, config: Path) -> float:
        """Seconds of one submitted run, checked against what was sent."""
        command = submit_command(job_arguments(config, "bench", [], []))
        command[1:1] = DRIVER_MEMORY
        seconds = _seconds(command, self.environment)
        table = DeltaTable(str(FOLDER / "lake" / config.stem / "daily_averages"))
        rows = table.to_pyarrow_dataset().to_table(use_threads=False)
        found = (pc.sum(rows["value_count"]).as_py(), pc.sum(rows["value_sum"]).as_py())
        assert found == (len(self.sent), sum(self.sent)), f"{config.stem}: {found} is not what was sent"
        return seconds

    def floor(self, starts: dict[int, int]) -> float:
        """Seconds of a submitted run that only reads, from `starts` to the end."""
        with connect(load_kafka_settings(self.kafka, {})) as broker:
            partitions = broker.topic("bench-in").partitions
        ranges = [{"partition": one.number, "start": starts.get(one.number, 0), "end": one.stable} for one in partitions]
        command = submit_command([self.bootstrap, "bench-in", json.dumps(ranges)])
        command[command.index(str(PROJECT / "spark_jobs" / "daily_averages.py"))] = str(PROJECT / "benchmarks" / "floor_job.py")
        command[1:1] = DRIVER_MEMORY
        return _seconds(command, self.environment)

    def ends(self) -> dict[int, int]:
        with connect(load_kafka_settings(self.kafka, {})) as broker:
            return {one.number: one.stable for one in broker.topic("bench-in").partitions}


def _readings(first: int, count: int) -> Iterator[tuple[str, Decimal, int]]:
    for minute in range(first, first + count):
        day, rest = divmod(minute, 1440)
        value = Decimal(23000 + minute * 7919 % 2000).scaleb(-2)
        date = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2000 + day // 336}"
        yield f'{{"datetime": "{date} {rest // 60:02}:{rest % 60:02}:00", "voltage": {value}}}', value, day % PARTITIONS


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {' '.join(command)}\n{done.stderr[-3000:]}")
    return round(time.monotonic() - begun, 2)


def measure(bench: Bench, pairs: int, records: int, increment: int) -> list[Result]:
    """A backlog on empty tables, then an increment on top of that history, `pairs` times each."""
    bench.send(records)
    configs = [bench.pipeline(f"bench_{number}") for number in range(pairs)]
    backlog = _pairs(configs, bench.ours, lambda: bench.floor({}))
    starts = bench.ends()
    bench.send(increment)
    on_top = _pairs(configs, bench.ours, lambda: bench.floor(starts))
    return [Result("backlog", records, *backlog), Result("increment", increment, *on_top)]


def _pairs(configs: list[Path], ours: Callable[[Path], float], floor: Callable[[], float]) -> tuple[list[float], list[float]]:
    pairs = [(floor(), ours(config)) for config in configs]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def nothing_new(bench: Bench, config: Path, runs: int) -> list[float]:
    """Seconds of `dayfold run` with nothing to read; it starts no JVM."""
    command = [str(Path(sys.executable).parent / "dayfold"), "run", str(config)]
    return [_seconds(command, bench.environment) for _ in range(runs)]


def report(results: list[Result], idle: list[float]) -> Table:
    """Medians and ratios, for a terminal."""
    table = Table(title=f"submit to exit, seconds, driver heap 1 GiB, {os.cpu_count()} cores", title_justify="left")
    for name in ("work", "records", "floor", "ours", "ratio (median of pairs)"):
        table.add_column(name, justify="right")
    for one in results:
        seconds = (
            f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})" for values in (one.floor_seconds, one.our_seconds)
        )
        table.add_row(one.work, f"{one.records:,}", *seconds, f"{one.ratio:.2f}")
    table.add_row("nothing new", "0", "", f"{median(idle):.1f} ({min(idle):.1f} to {max(idle):.1f})", "no JVM")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the job against a Spark that only reads the same records.")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--records", type=int, default=2_000_000, help="size of the backlog (default 2 million)")
    parser.add_argument("--increment", type=int, default=5_760, help="records on top of it (default 5760)")
    asked = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with ExitStack() as stack:
        running = stack.enter_context(start_kafka(FOLDER / "kafka", tied_to_us=True))
        bench = Bench(running.bootstrap)
        results = measure(bench, asked.pairs, asked.records, asked.increment)
        idle = nothing_new(bench, FOLDER / "bench_0.yaml", asked.pairs)
    facts = {"results": [{**asdict(one), "ratio": one.ratio} for one in results], "nothing_new_seconds": idle}
    (FOLDER / "floor.json").write_text(json.dumps(facts, indent=2))
    Console().print(report(results, idle))


if __name__ == "__main__":
    main()

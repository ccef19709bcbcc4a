"""Time the operator's proof: `make bench-audit`.

Runs the real pipeline over a backlog and an increment (as `make bench-floor` does, on a broker and tables of its own), then times
`dayfold audit` as a process, plain and with `--deep`, and what memory it took. Prints a table and writes `data/bench/audit.json`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.floor import FOLDER, Bench
from spark_jobs.local.kafka_server import start_kafka

LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Result:
    """Seconds of each audit from start to exit, and the most memory that one of them held."""

    how: str
    records: int
    seconds: list[float]
    peak_mib: int


def measure(config: Path, records: int, runs: int, flags: list[str]) -> Result:
    """Audits of a pipeline that must pass."""
    command = [str(Path(sys.executable).parent / "dayfold"), "audit", str(config), "--json", *flags]
    timed = [_timed(command) for _ in range(runs)]
    return Result(" ".join(["audit", *flags]), records, [one[0] for one in timed], max(one[1] for one in timed))


def _timed(command: list[str]) -> tuple[float, int]:
    begun, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _resident(watched))
            try:
                process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        seconds = round(time.monotonic() - begun, 2)
        assert process.stdout is not None
        report = json.load(process.stdout)
    if process.returncode or not report["passed"]:
        sys.exit(f"exit code {process.returncode}: {report['differences']}")
    return seconds, peak // 2**20


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def report(results: list[Result]) -> Table:
    """Medians, for a terminal."""
    table = Table(title=f"start to exit, {os.cpu_count()} cores", title_justify="left")
    for name in ("command", "records", "seconds", "peak memory"):
        table.add_column(name, justify="right")
    for one in results:
        seconds = f"{median(one.seconds):.1f} ({min(one.seconds):.1f} to {max(one.seconds):.1f})"
        table.add_row(one.how, f"{one.records:,}", seconds, f"{one.peak_mib} MiB")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Time dayfold audit on a lake that the pipeline has made.")
    parser.add_argument("--records", type=int, default=2_000_000, help="size of the backlog (default 2 million)")
    parser.add_argument("--increment", type=int, default=5_760, help="records of a second batch (default 5760)")
    parser.add_argument("--runs", type=int, default=3, help="audits of each kind (default 3)")
    asked = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with ExitStack() as stack:
        bench = Bench(stack.enter_context(start_kafka(FOLDER / "kafka", tied_to_us=True)).bootstrap)
        config = bench.pipeline("bench_audit")
        for count in (asked.records, asked.increment):
            bench.send(count)
            bench.ours(config)
        results = [measure(config, len(bench.sent), asked.runs, flags) for flags in ([], ["--deep"])]
    (FOLDER / "audit.json").write_text(json.dumps([asdict(one) for one in results], indent=2))
    Console().print(report(results))


if __name__ == "__main__":
    main()

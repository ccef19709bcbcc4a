"""Time the operator's proof: `make bench-audit`.

The job reads two million readings and an increment, on a broker and tables of its own; then `dayfold audit` is timed as a
process, plain and with `--deep`. Prints a table and writes `data/bench/audit.json`.
"""

import argparse
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.contestants import ours
from benchmarks.loads import Shape
from benchmarks.measure import Measurement, run_measured
from benchmarks.pieces import pieces_of
from benchmarks.session import Session, Topic
from benchmarks.works import WORKS
from spark_jobs.base.project import PROJECT
from spark_jobs.local.kafka.server import create_topics, start_kafka
from spark_jobs.local.screen import Screen

FOLDER = PROJECT / "data" / "bench" / "audit"


@dataclass(frozen=True)
class Result:
    """The runs of one kind of audit."""

    how: str
    records: int
    runs: list[Measurement]

    def row(self) -> tuple[str, ...]:
        """As in the table."""
        seconds = [run.seconds for run in self.runs]
        spread = f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        processor, memory = median(run.cpu_seconds for run in self.runs), max(run.python_bytes for run in self.runs)
        return self.how, f"{self.records:,}", spread, f"{processor:.1f}", f"{memory // 2**20} MiB"


def prepare(session: Session) -> tuple[Path, int]:
    """Tables of two batches; the pipeline's file and how many records there are."""
    topic = Topic("audited", Shape().partitions)
    create_topics(session.bootstrap, {topic.name: topic.partitions})
    place = session.place(ours.EVERYTHING, topic, WORKS["two_million"])
    history, increments = pieces_of(Shape(), None, 1)
    for number, portion in enumerate([*history, *increments]):
        topic.send(session.bootstrap, portion, session.screen)
        if objection := session.run(ours.EVERYTHING, place, topic, number).objection:
            sys.exit(objection)
    return ours.write_config(place), topic.oracle.count


def measure(session: Session, config: Path, flags: list[str]) -> Measurement:
    """One audit, which must pass."""
    log = session.folder / "audit.log"
    command = [str(Path(sys.executable).parent / "dayfold"), "audit", str(config), "--json", *flags]
    measured = run_measured(command, session.environment, log)
    if measured.exit_code or not json.loads(log.read_text())["passed"]:
        sys.exit(f"exit code {measured.exit_code}: {log.read_text()}")
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description="Time dayfold audit on tables that the job has made.")
    parser.add_argument("--runs", type=int, default=3, help="audits of each kind (default 3)")
    asked = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    screen = Screen(Console())
    with start_kafka(FOLDER / "kafka", tied_to_us=True) as running:
        session = Session(running.bootstrap, FOLDER, screen)
        config, records = prepare(session)
        kinds: list[list[str]] = [[], ["--deep"]]
        results = [
            Result(" ".join(["audit", *flags]), records, [measure(session, config, flags) for _ in range(asked.runs)])
            for flags in kinds
        ]
    (FOLDER.parent / "audit.json").write_text(json.dumps([asdict(one) for one in results], indent=1))
    table = Table("command", "records", "seconds", "processor, s", "most memory")
    for one in results:
        table.add_row(*one.row())
    screen.console.print(table)


if __name__ == "__main__":
    main()

"""A contestant that failed or was wrong is told so, and its time does not count."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from benchmarks.contestants.contestant import Contestant, Place
from benchmarks.contestants.results import csv_averages
from benchmarks.loads import Portion
from benchmarks.session import Run, Session, Topic
from spark_jobs.local.demo.readings import Missing, Readings
from spark_jobs.local.screen import Screen

WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"


def run_one(folder: Path, script: str, stored: str, cores: int | None = None) -> Run:
    """One run of a contestant whose script is given the file of averages and what to write there;
    one reading of 240 V was sent.
    """
    readings = Readings(pa.array(["2006-12-16 10:00:00"]), pa.array(["240.0"]))
    topic = Topic("readings", 1)
    topic.oracle.add(Portion(readings, (Missing(readings.days[0], 0, 0),)))
    place = Place("one_1", "127.0.0.1:1", topic.name, "averages", 1, folder / "place", records=1, cores=cores)
    place.folder.mkdir()
    averages = place.folder / "averages.csv"
    contestant = Contestant(
        "one",
        "One",
        "averages",
        lambda _: [sys.executable, "-c", script, str(averages), stored],
        averages=lambda _: csv_averages(averages, header=False),
    )
    return Session("127.0.0.1:1", folder, Screen(Console(quiet=True))).run(contestant, place, topic, 1)


def test_a_right_run_has_no_objection_and_what_it_keeps_is_known(tmp_path: Path) -> None:
    found = run_one(tmp_path, WRITE, "0,2006-12-16,240,1\n")
    assert found.objection is None
    assert (found.records, found.kept.files, found.kept.bytes) == (1, 1, len("0,2006-12-16,240,1\n"))


@pytest.mark.parametrize(
    ("script", "stored", "objection"),
    [
        (WRITE, "0,2006-12-16,239,1\n", "has the average 239, not 240.000000"),
        (WRITE, "0,2006-12-16,240,1\n0,2006-12-16,240,1\n", "1 days are stored twice"),
        (WRITE, "", "1 days are missing or too many"),
        (WRITE, "no number,2006-12-16\n", "its results cannot be read"),
        ("pass", "", "its results cannot be read: FileNotFoundError"),
        (f"{WRITE}; sys.exit('out of order')", "0,2006-12-16,240,1\n", "exit code 1; one_1.log ends with: out of order"),
    ],
)
def test_a_wrong_or_failed_run_is_told_what_is_wrong(tmp_path: Path, script: str, stored: str, objection: str) -> None:
    assert objection in (run_one(tmp_path, script, stored).objection or "")


def test_a_contestant_on_one_core_has_one_core(tmp_path: Path) -> None:
    script = "import os, sys; print(len(os.sched_getaffinity(0)))"
    run_one(tmp_path, script, "", cores=1)
    assert (tmp_path / "one_1.log").read_text() == "1\n"

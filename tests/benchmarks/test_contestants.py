"""The benchmark itself, with next to no records: every contestant runs as it does in earnest and is compared with the oracle."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.works import WORKS
from tests.submitted import SECONDS


def run_benchmark(folder: Path, *arguments: str) -> dict[str, Any]:
    """Results of the works that were asked for; it must have ended well."""
    command = [sys.executable, "-m", "benchmarks", *arguments, "--tiny", "--repeats", "1", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "tiny" / "results.json").read_text())["works"]
    return found


def ran(work: dict[str, Any]) -> set[str]:
    return {run["contestant"] for run in work["runs"]}


def test_contestants_without_spark_find_what_was_sent(tmp_path: Path) -> None:
    quick = {"tutorial", "polars", "java_reading", "librdkafka_reading"}
    found = run_benchmark(tmp_path, "two_million", "--contestants", *quick)
    assert ran(found["two_million"]) == quick
    assert (tmp_path / "tiny" / "report.md").read_text().count("| librdkafka, Polars, delta-rs |") == 1


@pytest.mark.thorough
def test_every_contestant_finds_what_was_sent(tmp_path: Path) -> None:
    found = run_benchmark(tmp_path, "two_million")["two_million"]
    assert ran(found) | set(found["missing"]) == set(WORKS["two_million"].contestants)
    assert set(found["missing"]) <= {"flink"}


@pytest.mark.thorough
def test_contestants_go_on_from_what_they_have_and_find_nothing_new_without_a_jvm(tmp_path: Path) -> None:
    found = run_benchmark(tmp_path, "small", "run_1000", "--contestants", "ours", "tutorial", "polars", "spark_reading")
    assert {(run["contestant"], run["idle"]) for run in found["small"]["runs"]} == {
        *((name, idle) for name in ("ours", "tutorial", "polars") for idle in (False, True)),
        ("spark_reading", False),
    }
    idle = [run["measured"] for run in found["small"]["runs"] if run["contestant"] == "ours" and run["idle"]]
    assert [run["java_bytes"] for run in idle] == [0]
    assert ran(found["run_1000"]) == {"ours", "ours_maintained"}
    (history,) = [run for run in found["run_1000"]["runs"] if run["number"] == 0]
    # 5,583 readings, in batches of 2,000.
    assert [set(step) >= {"records", "averages", "publish"} for step in history["steps"]] == [True] * 3


def test_totals_of_a_process_without_spark_are_what_was_sent(tmp_path: Path) -> None:
    assert ran(run_benchmark(tmp_path, "ads", "--contestants", "polars_ads")["ads"]) == {"polars_ads"}


@pytest.mark.thorough
def test_everyone_finds_the_totals_of_what_was_sent(tmp_path: Path) -> None:
    found = run_benchmark(tmp_path, "ads", "ads_run_10", "ads_people")
    assert ran(found["ads"]) | set(found["ads"]["missing"]) == set(WORKS["ads"].contestants)
    assert set(found["ads"]["missing"]) <= {"flink_ads"}
    assert ran(found["ads_run_10"]) == {"ours_ads"}
    (people,) = found["ads_people"]["runs"]
    assert [set(step) >= {"contributions", "averages", "publish"} for step in people["steps"]] == [True] * 4

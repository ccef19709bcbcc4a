"""The facts about the DAGs, found once by one process with a real Airflow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.in_process import airflow_environment
from tests.dags.asked import ACCEPTED, LAUNCHER, REFUSED, Facts, broken_pipelines, pipelines, submit_cases, woken_pipelines


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the launcher of each case writes how it was called."""
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory, notes: Path) -> Facts:
    folder = tmp_path_factory.mktemp("dags")
    environment = airflow_environment(folder / "airflow")
    launcher = folder / "bin" / "spark-submit"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    environment["PATH"] = f"{launcher.parent}:{environment['PATH']}"
    asked = {
        "good": str(pipelines(folder / "good")),
        "woken": str(woken_pipelines(folder / "woken")),
        "stored": str(folder / "stored"),
        "broken": str(broken_pipelines(folder / "broken")),
        "params": REFUSED + ACCEPTED,
        "submit": submit_cases(notes),
    }
    command = [sys.executable, "-W", "error", "-W", "default::ResourceWarning", "-m", "tests.dags.airflow_facts"]
    found = subprocess.run(
        command, env=environment, cwd=PROJECT, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    parsed: Facts = json.loads(found.stdout.splitlines()[-1])
    return parsed

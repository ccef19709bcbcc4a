"""The maintenance DAG, parsed by a real Airflow, and how its task ends. One process finds the facts, the tests judge them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.pipeline.files import load_pipeline_files
from tests.stored import SETTINGS, stored_pipeline

Facts = Mapping[str, Any]
BATCHES = 2


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("maintenance")
    (folder / "pipelines").mkdir()
    stored_pipeline(folder / "pipelines", BATCHES)
    environment = airflow_environment(folder / "airflow")
    command = [sys.executable, "-W", "error", "-W", "default::ResourceWarning", "-m", "tests.dags.maintenance_facts"]
    found = subprocess.run(
        [*command, str(folder / "pipelines")], env=environment, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    parsed: Facts = json.loads(found.stdout.splitlines()[-1])
    return parsed


def test_each_pipeline_file_has_a_maintenance_dag_that_is_parsed_without_opening_a_table(facts: Facts) -> None:
    assert (facts["dags"], facts["errors"], facts["heavy"]) == (["p_maintenance"], [], [])


def test_maintenance_is_weekly_and_never_two_at_a_time(facts: Facts) -> None:
    dag = facts["dag"]
    assert "'0 3 * * 0'" in dag["schedule"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    assert dag["owner"] == "dayfold"
    assert set(dag["tags"]) == {"dayfold", "delta", "maintenance"}
    (task,) = dag["tasks"].values()
    assert task["timeout_seconds"] < dag["timeout_seconds"]


def test_switched_on_it_waits_for_its_time_so_that_a_dry_run_by_hand_stays_the_only_run(facts: Facts) -> None:
    assert datetime.fromisoformat(facts["first run"]) > datetime.now(UTC) - timedelta(hours=1, minutes=5)


def test_its_patience_is_longer_than_a_run_may_take(facts: Facts) -> None:
    (task,) = facts["dag"]["tasks"].values()
    first, longest = task["retry_seconds"]
    pauses = [min(first * task["backoff"] ** number, longest) for number in range(task["retries"])]
    assert sum(pauses) > 55 * 60


def test_its_page_says_what_is_kept_and_how_to_do_it_by_hand(facts: Facts) -> None:
    page = facts["dag"]["doc"]
    for words in ("records are kept for ever", "168 hours", "/lake/p/", "dayfold maintain ", "never deleted"):
        assert words in page


def test_a_dry_run_is_asked_for_with_yes_or_no(facts: Facts) -> None:
    perhaps, number, *allowed = facts["params"]
    assert "'perhaps' is not of type" in perhaps
    assert "1 is not of type" in number
    assert allowed == [None, None]
    assert facts["dag"]["params"]["dry_run"]["schema"]["type"] == ["null", "boolean"]


@pytest.mark.group("AF")
@pytest.mark.proves("F55")
def test_while_a_run_is_at_work_the_task_is_tried_again(facts: Facts) -> None:
    busy = facts["task"]["busy"]
    assert busy["error"] == "AirflowException"
    assert "is being run by run night shift" in busy["text"]


def test_tables_that_are_not_whole_fail_the_task_for_good(facts: Facts) -> None:
    damaged = facts["task"]["damaged"]
    assert damaged["error"] == "AirflowFailException"
    assert "table daily_averages: it holds 0 days of batch 2" in damaged["text"]


def test_what_was_done_is_in_the_log_and_in_the_xcom(facts: Facts) -> None:
    planned, done = facts["task"]["planned"], facts["task"]["done"]
    assert (planned["dry_run"], done["dry_run"]) == (True, False)
    assert planned["tables"]["records"]["before"]["files"] == done["tables"]["records"]["before"]["files"] == 2 * BATCHES
    assert planned["tables"]["records"]["after"] is None
    assert done["tables"]["records"]["after"]["files"] == 1
    assert any("records" in line and "4 > 1" in line for line in facts["task"]["said"])


@pytest.mark.parametrize("names", [("p", "p_maintenance"), ("p_maintenance", "p"), ("p", "p_fresh_averages")])
def test_a_pipeline_cannot_have_the_name_of_a_dag_beside_another_one(tmp_path: Path, names: tuple[str, str]) -> None:
    for file, name in zip("ab", names, strict=True):
        (tmp_path / f"{file}.yaml").write_text(SETTINGS.replace("name: p\n", f"name: {name}\n"))
    found = load_pipeline_files(tmp_path, {})
    assert [path.name for path in found.usable] == ["a.yaml"]
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path / 'b.yaml'}: the names {names[1]} and {names[0]} (of ")

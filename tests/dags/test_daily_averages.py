"""House rules of the DAGs, and how their tasks end. One process with a real Airflow finds the facts, the tests judge them."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.local.airflow import airflow_environment
from spark_jobs.submit import APPLICATION, PROJECT

Facts = Mapping[str, Any]

PARSE_SECONDS = 0.3
NO_PARAMS: Mapping[str, Any] = {"max_records_per_batch": None, "accept_loss": False, "adopt_topic": False}
TRIED_AGAIN, FAILED = "AirflowException", "AirflowFailException"
REFUSED = [
    ("max_records_per_batch", "many"),
    ("max_records_per_batch", 0),
    ("max_records_per_batch", 1.5),
    ("accept_loss", "yes"),
    ("adopt_topic", 1),
]
ACCEPTED = [("max_records_per_batch", 5), ("max_records_per_batch", None), ("accept_loss", True), ("adopt_topic", True)]
CODES = {"0": None, "1": FAILED, "64": FAILED, "65": FAILED, "70": FAILED, "75": TRIED_AGAIN, "76": FAILED, "78": FAILED} | {
    "137": TRIED_AGAIN,
    "killed": TRIED_AGAIN,
}

# Stands in for Spark's launcher: notes how it was called, says what the job would say, ends as it is told to.
LAUNCHER = f"""#!/bin/sh
printf '%s\\n' "$@" > "$NOTES"
printf '%s\\n' "PYSPARK_PYTHON=$PYSPARK_PYTHON" "BY=$DAYFOLD_OPERATOR" "JAVA_HOME=$JAVA_HOME" >> "$NOTES"
echo "12:00:00 plan     batch 1"
echo "dayfold: no Kafka broker answered" >&2
echo "is it running?" >&2
[ "$CODE" = killed ] && kill -{int(signal.SIGKILL)} $$
exit "$CODE"
"""


def connection(**fields: Any) -> str:
    return json.dumps({"conn_type": "spark", "extra": {"spark-binary": "spark-submit"}, **fields})


LOCAL = connection(host="local[2]")


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


def pipelines(folder: Path) -> Path:
    """The shipped pipeline and a second one."""
    folder.mkdir()
    shutil.copy(PROJECT / "conf" / "pipelines" / "daily_voltage.yaml", folder)
    text = (folder / "daily_voltage.yaml").read_text()
    (folder / "second.yml").write_text(text.replace("name: daily_voltage", "name: hourly_current"))
    return folder


def broken_pipelines(folder: Path) -> Path:
    """The same two between files with a misspelt key, with a name that is taken, and with no YAML."""
    text = (pipelines(folder) / "daily_voltage.yaml").read_text()
    (folder / "a_misspelt.yaml").write_text(text.replace("daily_voltage", "misspelt").replace("max_records", "max_recrods"))
    (folder / "e_again.yaml").write_text(text)
    (folder / "z_no_yaml.yaml").write_text("name: [")
    return folder


def submit_cases(notes: Path) -> dict[str, dict[str, Any]]:
    def case(name: str, spark: str | None, code: str = "0", params: Mapping[str, Any] = NO_PARAMS) -> dict[str, Any]:
        return {
            "environment": {"CODE": code, "NOTES": str(notes / name), "AIRFLOW_CONN_SPARK_DEFAULT": spark},
            "params": params,
        }

    return {
        **{code: case(code, LOCAL, code) for code in CODES},
        "params": case("params", LOCAL, params={"max_records_per_batch": 7, "accept_loss": True, "adopt_topic": True})
        | {"user": "anna"},
        "yarn": case("yarn", connection(host="yarn")),
        "no connection": case("no connection", None),
        "no master": case("no master", connection()),
        "driver on the cluster": case(
            "driver on the cluster", connection(host="spark://127.0.0.1:7077", extra={"deploy-mode": "cluster"})
        ),
    }


def test_every_pipeline_file_becomes_a_dag_of_its_name(facts: Facts) -> None:
    assert set(facts["good"]["dags"]) == {"daily_voltage", "hourly_current"}
    assert facts["good"]["errors"] == {}


@pytest.mark.group("AF")
@pytest.mark.proves("F71")
def test_every_dag_keeps_the_house_rules(facts: Facts) -> None:
    for dag in facts["good"]["dags"].values():
        assert dag["owner"] == "dayfold"
        assert {"dayfold", "kafka", "spark"} <= set(dag["tags"])
        assert (dag["schedule"], dag["start_date"]) == ("@daily", "2026-01-01 00:00:00+00:00")
        assert (dag["catchup"], dag["max_active_runs"], dag["timeout_seconds"]) == (False, 1, 3600)
        assert "airflow-input-topic" in dag["description"]


def test_the_tasks_follow_one_another_and_try_again_with_growing_pauses(facts: Facts) -> None:
    tasks = facts["good"]["dags"]["daily_voltage"]["tasks"]
    assert {name: task["downstream"] for name, task in tasks.items()} == {
        "new_records": ["submit"],
        "retention": [],
        "submit": ["finished_batches"],
        "finished_batches": ["verify"],
        "verify": [],
    }
    for task in tasks.values():
        assert (task["owner"], task["retries"], task["backoff"], task["retry_seconds"]) == ("dayfold", 3, 2, [60, 600])
        assert 0 < task["timeout_seconds"] < 3600


def test_the_page_of_a_dag_says_what_an_operator_needs(facts: Facts) -> None:
    page = facts["good"]["dags"]["hourly_current"]["doc"]
    for words in (
        "airflow-input-topic",
        "airflow-output-topic",
        "/data/lake/hourly_current/",
        'AIRFLOW_CONN_SPARK_DEFAULT=\'{"conn_type"',
        "second.yml",
    ):
        assert words in page
    for code in (64, 65, 70, 75, 76, 78):
        assert f"| {code} |" in page
    assert "airflow dags trigger hourly_current --conf '{\"max_records_per_batch\": 1000000}'" in page


def test_only_the_proof_by_checkpoints_announces_the_averages(facts: Facts) -> None:
    tasks = facts["good"]["dags"]["hourly_current"]["tasks"]
    ((name, uri),) = tasks["finished_batches"]["outlets"]
    assert name == "hourly_current.daily_averages"
    assert uri.startswith("file:///")
    assert uri.endswith("/data/lake/hourly_current/daily_averages")
    assert tasks["submit"]["outlets"] == tasks["new_records"]["outlets"] == tasks["verify"]["outlets"] == []


def test_parsing_imports_nothing_heavy_and_is_quick(facts: Facts) -> None:
    assert facts["parsing"]["heavy"] == []
    assert facts["parsing"]["seconds"] < PARSE_SECONDS


def test_a_broken_pipeline_file_takes_no_other_dag_down_and_says_what_is_wrong(facts: Facts) -> None:
    assert set(facts["broken"]["dags"]) == {"daily_voltage", "hourly_current"}
    assert set(facts["broken"]["errors"]) == {"pipeline_problems.py"}
    text = facts["broken"]["errors"]["pipeline_problems.py"]
    assert "limits.max_recrods_per_batch: unknown key; did you mean max_records_per_batch?" in text
    assert "e_again.yaml: the name daily_voltage belongs to" in text
    assert "z_no_yaml.yaml is not valid YAML" in text


def test_parameters_are_described_and_refused_when_they_make_no_sense(facts: Facts) -> None:
    refusals = facts["params"]
    assert all(refusals[: len(REFUSED)])
    assert refusals[len(REFUSED) :] == [None] * len(ACCEPTED)
    assert "'many' is not of type" in refusals[0]
    params = facts["good"]["dags"]["daily_voltage"]["params"]
    assert {name: param["value"] for name, param in params.items()} == NO_PARAMS
    assert all(param["description"] for param in params.values())


@pytest.mark.group("AF")
@pytest.mark.proves("F70", "F72")
@pytest.mark.parametrize("code", CODES)
def test_only_what_passes_by_itself_is_tried_again(facts: Facts, code: str) -> None:
    outcome = facts["submit"][code]
    assert outcome["error"] == CODES[code]
    if CODES[code]:
        number = -signal.SIGKILL if code == "killed" else code
        assert outcome["text"] == f"exit code {number}: no Kafka broker answered\nis it running?"


def test_the_job_gets_the_run_id_and_what_was_asked_at_trigger_time(facts: Facts, notes: Path) -> None:
    assert facts["submit"]["params"]["error"] is None
    config, *arguments = job_arguments(notes / "params")
    assert Path(config.removeprefix("--config=")).name == "daily_voltage.yaml"
    assert arguments == ["--run-id=manual__1", "--set=limits.max_records_per_batch=7", "--accept-loss", "--adopt-topic"]


@pytest.mark.group("AF")
@pytest.mark.proves("F106", "F107")
def test_the_job_gets_nothing_that_was_not_asked(notes: Path, facts: Facts) -> None:
    assert facts["submit"]["0"]["error"] is None
    assert job_arguments(notes / "0")[1:] == ["--run-id=manual__1"]


def test_the_job_learns_who_triggered_the_run(facts: Facts, notes: Path) -> None:
    assert facts["submit"]["params"]["error"] is None
    assert "BY=anna" in (notes / "params").read_text().splitlines()
    assert "BY=" in (notes / "0").read_text().splitlines()


def job_arguments(note: Path) -> list[str]:
    lines = note.read_text().splitlines()
    return lines[lines.index(str(APPLICATION)) + 1 : lines.index(f"PYSPARK_PYTHON={sys.executable}")]


def test_spark_runs_with_our_settings_our_python_and_a_java_that_fits(facts: Facts, notes: Path) -> None:
    lines = (notes / "0").read_text().splitlines()
    assert facts["submit"]["0"]["error"] is None
    assert lines[:2] == ["--master", "local[2]"]
    assert str(PROJECT / "conf" / "spark-defaults.conf") in lines
    assert f"spark.driver.extraClassPath={PROJECT / 'jars' / 'spark' / '*'}" in lines
    assert f"PYSPARK_PYTHON={sys.executable}" in lines
    java_home = lines[-1].removeprefix("JAVA_HOME=")
    assert (Path(java_home) / "bin" / "java").exists()


def test_a_cluster_is_not_told_paths_of_this_machine(facts: Facts, notes: Path) -> None:
    assert facts["submit"]["yarn"]["error"] is None
    lines = (notes / "yarn").read_text().splitlines()
    assert lines[:2] == ["--master", "yarn"]
    assert not [line for line in lines if "appMasterEnv" in line]


def test_the_launcher_is_the_one_of_our_pyspark_unless_the_connection_names_one(facts: Facts) -> None:
    assert Path(facts["launcher"]).is_relative_to(sys.prefix)
    assert Path(facts["launcher"]).name == "spark-submit"


@pytest.mark.group("AF")
@pytest.mark.proves("F75")
@pytest.mark.parametrize("case", ["no connection", "no master"])
def test_without_a_spark_master_nothing_is_started_and_the_sentence_says_what_to_do(facts: Facts, notes: Path, case: str) -> None:
    outcome = facts["submit"][case]
    assert outcome["error"] == FAILED
    assert "AIRFLOW_CONN_SPARK_DEFAULT=" in outcome["text"]
    assert not (notes / case).exists()


def test_a_standalone_cluster_is_not_asked_to_run_the_python_driver(facts: Facts, notes: Path) -> None:
    outcome = facts["submit"]["driver on the cluster"]
    assert outcome["error"] == FAILED
    assert "take deploy-mode out of its extra" in outcome["text"]
    assert not (notes / "driver on the cluster").exists()


@pytest.mark.group("AF")
@pytest.mark.proves("F72")
def test_a_run_without_a_done_row_of_its_own_is_a_failure(facts: Facts) -> None:
    for case, words in (("nothing", "there are none"), ("missing", "batch 3, DONE, by run second")):
        assert facts["finished"][case]["error"] == FAILED
        assert words in facts["finished"][case]["text"]


def test_the_summary_adds_up_the_batches_of_this_run_and_of_no_other(facts: Facts) -> None:
    assert facts["finished"]["second"] == {
        "batch": 3,
        "batches": 2,
        "partitions": {
            "0": {"start": 20, "end": 40, "read": 20, "accepted": 18, "rejected": 2, "gaps": 0},
            "1": {"start": 0, "end": 0, "read": 0, "accepted": 0, "rejected": 0, "gaps": 0},
        },
    }


def test_each_stop_names_the_parameter_that_goes_on(facts: Facts) -> None:
    decisions = facts["decisions"]
    for case, told, parameter in (
        ("loss", "partition 0: gone", "accept_loss"),
        ("loss, but a topic was adopted", "partition 0: gone", "accept_loss"),
        ("topic", "was deleted and created again", "adopt_topic"),
        ("accepted loss, but another topic", "was deleted and created again", "adopt_topic"),
    ):
        assert decisions[case]["error"] == FAILED
        assert told in decisions[case]["text"]
        assert f"Run again with --{parameter.replace('_', '-')}" in decisions[case]["text"]
        assert f"in Airflow: trigger the DAG with the parameter {parameter}" in decisions[case]["text"]


@pytest.mark.parametrize("case", ["accepted loss", "adopted topic", "both, and both decided"])
def test_what_the_parameters_decide_lets_the_run_go_on(facts: Facts, case: str) -> None:
    assert facts["decisions"][case]["error"] is None


def test_no_parameter_settles_what_must_be_done_by_hand(facts: Facts) -> None:
    decisions = facts["decisions"]
    abandon = decisions["an unfinished batch that must be abandoned"]
    assert abandon["error"] == decisions["nothing that a parameter settles"]["error"] == FAILED
    assert "Run again with --abandon --accept-loss (only by hand)" in abandon["text"]

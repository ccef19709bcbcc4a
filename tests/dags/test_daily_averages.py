"""The DAG of a pipeline: its order, its parameters, and how its tasks end."""

import json
import signal
import sys
from pathlib import Path

import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.submit import APPLICATION
from spark_jobs.orchestration.params import DECISIONS
from tests.dags.asked import ACCEPTED, CANARY, CODES, FAILED, NO_PARAMS, REFUSED, SWITCHES, Facts
from tests.hunt import files_with, is_in


def test_it_runs_daily_one_run_at_a_time_and_for_an_hour_at_most(facts: Facts) -> None:
    for name in ("daily_voltage", "hourly_current"):
        dag = facts["good"]["dags"][name]
        assert {"dayfold", "kafka", "spark", "delta"} <= set(dag["tags"])
        assert (dag["schedule"], dag["start_date"]) == ("@daily", "2026-01-01 00:00:00+00:00")
        assert (dag["max_active_runs"], dag["timeout_seconds"]) == (1, 3600)
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


def test_runs_of_a_backfill_submit_one_after_the_other(facts: Facts) -> None:
    assert facts["good"]["dags"]["daily_voltage"]["tasks"]["submit"]["at_once"] == 1


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


def test_parameters_are_described_and_refused_when_they_make_no_sense(facts: Facts) -> None:
    refusals = facts["params"]
    assert all(refusals[: len(REFUSED)])
    assert refusals[len(REFUSED) :] == [None] * len(ACCEPTED)
    assert "'many' is not of type" in refusals[0]
    params = facts["good"]["dags"]["daily_voltage"]["params"]
    assert {name: param["value"] for name, param in params.items()} == NO_PARAMS
    assert all(param["description"] for param in params.values())


@pytest.mark.group("AF")
@pytest.mark.proves("F205")
def test_the_form_marks_no_field_as_required_and_keeps_decisions_in_a_section_of_their_own(facts: Facts) -> None:
    """The form asks for every field whose type does not allow null."""
    params = facts["good"]["dags"]["daily_voltage"]["params"]
    assert [name for name, param in params.items() if "null" not in param["schema"]["type"]] == []
    sections = {name: param["schema"].get("section") for name, param in params.items()}
    assert sections == {"max_records_per_batch": None} | dict.fromkeys(SWITCHES, DECISIONS)


def test_a_switch_that_is_null_is_off(facts: Facts, notes: Path) -> None:
    assert facts["submit"]["null"]["error"] is None
    assert job_arguments(notes / "null")[1:] == ["--run-id=manual__1"]
    assert facts["decisions"]["loss, and every switch is null"]["error"] == FAILED


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
    decisions = ["--accept-loss", "--adopt-topic", "--adopt-definition"]
    assert arguments == ["--run-id=manual__1", "--set=limits.max_records_per_batch=7", *decisions]


@pytest.mark.group("AF")
@pytest.mark.proves("F106", "F107")
def test_no_argument_and_no_template_field_holds_the_password(facts: Facts, notes: Path) -> None:
    """Neither by a name that Airflow would mask nor by any other:
    the properties file and the environment hold it, and it stays there.
    """
    rendered = facts["submit"]["params"]["rendered"]
    assert {"conf", "application_args", "env_vars"} <= rendered.keys()
    assert "--accept-loss" in rendered["application_args"]
    assert not is_in(CANARY, json.dumps(facts))
    assert files_with(CANARY, notes) == set()
    assert any("--conf" in note.read_text() for note in notes.iterdir())


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
    for case, words in (
        ("nothing", "there are none"),
        ("missing", "batch 3, DONE, by run second"),
        ("still to read", "batch 3, DONE, by run second"),
    ):
        assert facts["finished"][case]["error"] == FAILED
        assert words in facts["finished"][case]["text"]


def test_a_run_whose_records_another_one_has_read_is_skipped_and_says_who_did(facts: Facts) -> None:
    outcome = facts["finished"]["read by another"]
    assert outcome["error"] == "AirflowSkipException"
    assert outcome["text"] == "all that was new when this run began was read by run second in batch 3"


def test_the_summary_adds_up_the_batches_of_this_run_and_of_no_other(facts: Facts) -> None:
    assert facts["finished"]["second"] == {
        "batch": 3,
        "batches": 2,
        "rejected": {},
        "partitions": {
            "0": {"start": 20, "end": 40, "read": 20, "accepted": 18, "rejected": 2, "filtered": 0, "gaps": 0},
            "1": {"start": 0, "end": 0, "read": 0, "accepted": 0, "rejected": 0, "filtered": 0, "gaps": 0},
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


def test_a_parameter_that_nobody_knows_fails_the_run_and_names_the_nearest(facts: Facts) -> None:
    refused = facts["unknown params"]["misspelt"]
    assert refused["error"] == FAILED
    assert refused["text"] == "the parameter accept_los is unknown; did you mean accept_loss?"
    strange = facts["unknown params"]["strange"]
    assert strange["text"] == (
        "the parameter colour is unknown; known are max_records_per_batch, accept_loss, adopt_topic, adopt_definition"
    )
    assert facts["unknown params"]["known"]["error"] is facts["unknown params"]["none"]["error"] is None

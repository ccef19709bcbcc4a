"""House rules of every DAG, whatever it is for: quick to parse, touching nothing, with an owner, tags, retries and timeouts."""

import pytest

from tests.dags.asked import Facts


def test_every_pipeline_file_becomes_a_dag_of_its_name(facts: Facts) -> None:
    assert {"daily_voltage", "hourly_current"} <= set(facts["good"]["dags"])
    assert facts["good"]["errors"] == {}


@pytest.mark.group("AF")
@pytest.mark.proves("F71")
def test_every_dag_keeps_the_house_rules(facts: Facts) -> None:
    for name, dag in facts["good"]["dags"].items():
        assert dag["owner"] == "dayfold", name
        assert "dayfold" in dag["tags"], name
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), name
        # What deletes begins at its time: with a start date Airflow makes up for the last one as soon as a DAG is switched on.
        assert (dag["start_date"] is None) == name.endswith("_maintenance"), name
        assert 0 < dag["timeout_seconds"] <= 6 * 3600, name
        assert dag["description"], name
        pipeline = name.removesuffix("_maintenance").removesuffix("_fresh_averages")
        assert f"/{pipeline}" in dag["doc"], f"{name}: its page names its pipeline's tables or DAG"


def test_every_task_has_an_owner_retries_with_pauses_and_a_timeout_below_its_dags(facts: Facts) -> None:
    for name, dag in facts["good"]["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] == "dayfold", (name, task_id)
            assert task["retries"] >= 1, (name, task_id)
            assert 0 < task["retry_seconds"][0] <= task["retry_seconds"][1], (name, task_id)
            assert 0 < task["timeout_seconds"] < dag["timeout_seconds"], (name, task_id)


def test_a_failed_run_is_told_where_the_pipeline_file_says_and_to_nobody_else(facts: Facts) -> None:
    told = {name: dag["alerts"] for name, dag in facts["good"]["dags"].items()}
    beside = ("", "_maintenance", "_fresh_averages")
    assert told == {f"daily_voltage{dag}": 0 for dag in beside} | {f"hourly_current{dag}": 2 for dag in beside}


def test_every_parameter_is_described_and_has_a_default(facts: Facts) -> None:
    for name, dag in facts["good"]["dags"].items():
        for key, param in dag["params"].items():
            assert param["description"], (name, key)
            assert "value" in param, (name, key)


def test_parsing_imports_nothing_heavy(facts: Facts) -> None:
    assert facts["parsing"]["heavy"] == []


def test_parsing_asks_no_broker_opens_no_table_and_starts_no_process(facts: Facts) -> None:
    assert facts["parsing"]["touched"] == []
    assert "daily_voltage.yaml" in facts["parsing"]["read"]


def test_a_broken_pipeline_file_takes_no_other_dag_down_and_says_what_is_wrong(facts: Facts) -> None:
    assert set(facts["broken"]["dags"]) == set(facts["good"]["dags"])
    assert set(facts["broken"]["errors"]) == {"pipeline_problems.py"}
    text = facts["broken"]["errors"]["pipeline_problems.py"]
    assert "limits.max_recrods_per_batch: unknown key; did you mean max_records_per_batch?" in text
    assert "e_again.yaml: the name daily_voltage belongs to" in text
    assert "z_no_yaml.yaml is not valid YAML" in text

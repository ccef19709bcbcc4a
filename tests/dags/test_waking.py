"""A pipeline that messages start: its schedule, what listens, and which connections would do harm."""

from tests.dags.asked import FAILED, Facts


def test_messages_start_a_run_beside_the_daily_one_where_the_pipeline_file_asks_for_it(facts: Facts) -> None:
    kind, text = facts["waking"]["schedule"]
    assert facts["waking"]["errors"] == []
    assert kind == "AssetOrTimeSchedule"
    assert "0 0 * * *" in text
    assert "daily_voltage.messages" in text
    assert facts["good"]["dags"]["daily_voltage"]["schedule"] == "@daily"


def test_the_triggerer_listens_to_the_input_topic_and_commits_nothing(facts: Facts) -> None:
    ((path, asked),) = facts["waking"]["trigger"]
    assert path == "airflow.providers.apache.kafka.triggers.await_message.AwaitMessageTrigger"
    assert (asked["topics"], asked["kafka_config_id"], asked["commit_offset"]) == (
        ["airflow-input-topic"],
        "kafka_default",
        False,
    )
    assert asked["apply_function"] == "spark_jobs.orchestration.waking.heard"
    assert asked["apply_function_kwargs"] == {"pipeline": "daily_voltage", "connection": "kafka_default"}


def test_a_connection_that_is_missing_or_would_join_the_pipelines_group_or_commit_offsets_is_refused(facts: Facts) -> None:
    assert facts["waking"]["own group"]["error"] is None
    for case, words in (
        ("pipeline's group", "has the group.id daily_voltage"),
        ("commits", "lets the watcher commit offsets"),
        ("missing", "there is no Airflow connection kafka_elsewhere"),
    ):
        assert facts["waking"][case]["error"] == FAILED
        assert words in facts["waking"][case]["text"]
        assert '"enable.auto.commit": "false"' in facts["waking"][case]["text"]


def test_without_the_providers_it_runs_daily_and_the_page_of_import_errors_says_what_to_install(facts: Facts) -> None:
    found = facts["waking"]["without providers"]
    assert found["schedule"] == "@daily"
    assert list(found["errors"]) == ["pipeline_problems.py"]
    assert "they are the extra `events` of this project" in found["errors"]["pipeline_problems.py"]

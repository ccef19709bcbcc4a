"""What is told of a failed run, made of plain values."""

from datetime import timedelta

import pytest

from spark_jobs.orchestration.run_failure import AT_WORK, RunFailure, TaskFailure
from tests.nasty import NASTY, hidden_in


def failure(*tasks: TaskFailure, reason: str = "task_failure") -> RunFailure:
    return RunFailure("p", "p", "manual__1", reason, timedelta(hours=1), tasks)


def task(name: str, error: str = "partition 3: gone") -> TaskFailure:
    return {"task": name, "error": error, "log": f"http://airflow/{name}"}


def test_the_text_says_pipeline_run_task_error_and_where_the_log_is() -> None:
    assert failure(task("submit", "exit code 65: p: records were lost")).text.splitlines() == [
        "p failed: submit",
        "pipeline p, run manual__1",
        "",
        "submit: exit code 65: p: records were lost",
        "log: http://airflow/submit",
    ]


def test_many_failed_tasks_make_one_message_that_stays_short_for_people() -> None:
    found = failure(*(task(f"verify[{number}]") for number in range(20)))
    assert found.title == "p failed: verify[0], verify[1], verify[2], verify[3], verify[4] and 15 more"
    assert "verify[5]" not in found.text
    assert len(found.report["tasks"]) == 20


def test_a_run_that_took_too_long_is_told_as_such() -> None:
    found = failure(task("submit", AT_WORK), reason="timed_out")
    assert found.title == "p took longer than 1:00:00: submit"
    assert found.report["reason"] == "timed_out"


def test_a_failed_run_of_which_nothing_else_is_known_is_told_all_the_same() -> None:
    assert failure().text == "p failed\npipeline p, run manual__1"


@pytest.mark.proves("F201", "F202")
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_somebody_else_wrote_makes_no_line_of_its_own_and_programs_get_it_exactly(text: str) -> None:
    found = RunFailure("p", "p", text, "task_failure", None, (task("submit", f"gone: {text}"),))
    assert hidden_in(found.text) == []
    starts = [line.split(" ")[0] for line in found.text.split("\n") if not line.startswith("  ")]
    assert starts == ["p", "pipeline", "", "submit:", "log:"]
    assert found.report["run"] == text
    assert found.report["tasks"] == [task("submit", f"gone: {text}")]

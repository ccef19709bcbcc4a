"""What is reported of a run that failed, from what its tasks left: a title, a text for people, plain values for programs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException

from spark_jobs.base.wording import printable, printable_lines

FAILURE = "failure"
"""XCom of a task that failed."""

MAX_TASKS = 5
MAX_CHARACTERS = 2000
NO_WORD = "it ended without a word: its process was killed, or somebody marked it as failed"
AT_WORK = "it was at work when the time of the run was up"

TaskFailure = Mapping[str, str]
"""`task`, with the map index behind it; `error`, what it said; `log`, where more stands."""


@dataclass(frozen=True)
class RunFailure:
    """`reason` is Airflow's: task_failure, timed_out, all_tasks_deadlocked; `limit` is how long the run was allowed to take."""

    pipeline: str
    dag_id: str
    run_id: str
    reason: str
    limit: timedelta | None
    tasks: tuple[TaskFailure, ...]

    @property
    def title(self) -> str:
        """One line, such as `daily_voltage failed: new_records`."""
        names = ", ".join(one["task"] for one in self.tasks[:MAX_TASKS])
        more = f" and {len(self.tasks) - MAX_TASKS} more" if len(self.tasks) > MAX_TASKS else ""
        ended = f"took longer than {self.limit}" if self.reason == "timed_out" else "failed"
        return f"{self.dag_id} {ended}: {names}{more}" if names else f"{self.dag_id} {ended}"

    @property
    def text(self) -> str:
        """All of it, for people."""
        lines = [self.title, f"pipeline {self.pipeline}, run {printable(self.run_id)}"]
        for one in self.tasks[:MAX_TASKS]:
            lines += ["", printable_lines(f"{one['task']}: {one['error']}"), f"log: {printable(one['log'])}"]
        return "\n".join(lines)

    @property
    def report(self) -> dict[str, Any]:
        """The same as plain values; `text` is what chats show."""
        parts = {"pipeline": self.pipeline, "dag": self.dag_id, "run": self.run_id, "reason": self.reason}
        return {"text": self.text, **parts, "tasks": [dict(one) for one in self.tasks]}


def failure_of_run(pipeline: str, context: Any) -> RunFailure:
    """From the context of a DAG's failure callback: every failed task with what it left, or the one that Airflow names."""
    dag, run_id, ti = context["dag"], str(context["run_id"]), context.get("ti")
    reason = str(context.get("reason"))
    names = failed_tasks(ti, dag.task_ids) if ti else []
    said = AT_WORK if reason == "timed_out" else NO_WORD
    found = [ti.xcom_pull(task_ids=task_id, key=FAILURE, map_indexes=index) for task_id, index in names]
    tasks = [one or _silent(ti, *name, NO_WORD) for one, name in zip(found, names, strict=True)]
    if ti and not tasks:
        tasks = [_silent(ti, ti.task_id, ti.map_index, said)]
    return RunFailure(pipeline, dag.dag_id, run_id, reason, dag.dagrun_timeout, tuple(tasks))


def failed_tasks(ti: Any, task_ids: list[str]) -> list[tuple[str, int]]:
    """Task and map index of each that failed; none in `airflow dags test`, which lets nobody ask between tasks."""
    from airflow.sdk.execution_time import task_runner

    if not hasattr(task_runner, "SUPERVISOR_COMMS"):
        return []
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    # Airflow names the instances of a mapped task by their index: verify_0.
    parts = {name: re.fullmatch(rf"({'|'.join(map(re.escape, task_ids))})(?:_(\d+))?", name) for name in states}
    return [
        (match[1], -1 if match[2] is None else int(match[2]))
        for name, match in parts.items()
        if match and states[name] == "failed"
    ]


def task_failure(ti: Any, error: BaseException) -> TaskFailure:
    """What a task leaves behind; an error that nobody foresaw with its kind before it."""
    text = str(error) if isinstance(error, AirflowException) and str(error) else f"{type(error).__name__}: {error}"
    short = text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} ..."
    return {"task": _name(ti.task_id, ti.map_index), "error": short, "log": ti.log_url}


def _silent(ti: Any, task_id: str, map_index: int, said: str) -> TaskFailure:
    page = f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/dags/{ti.dag_id}/runs/{quote(ti.run_id)}"
    is_named = (ti.task_id, ti.map_index) == (task_id, map_index)
    return {"task": _name(task_id, map_index), "error": said, "log": ti.log_url if is_named else page}


def _name(task_id: str, map_index: int | None) -> str:
    return task_id if map_index is None or map_index < 0 else f"{task_id}[{map_index}]"

"""An Airflow of its own for the demo and the tests: SQLite, no scheduler, everything in one folder, nothing listening.

`airflow dags test` runs one DAG run in one process, with the real operators, templates, XComs and database rows. What became of
the tasks is read from that database afterwards: the command prints states for people, and asking the command line for them
(`airflow tasks states-for-dag-run`) costs another start of Airflow.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spark_jobs.base.errors import TryAgain
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java

STOP_SECONDS = 5.0
_DATABASE, _MIGRATED = "airflow.db", "migrated"


@dataclass(frozen=True)
class TaskResult:
    """One task of a run; `seconds` is 0 for a skipped one and None for one that has not ended.

    `map_index` counts the instances of a mapped task; it is -1 for any other, and for one that was never mapped.
    """

    task_id: str
    state: str
    seconds: float | None
    map_index: int = -1

    @property
    def name(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class DagRunResult:
    """One DAG run; `seconds` is the whole command, Airflow's own start included."""

    run_id: str
    state: str
    seconds: float
    tasks: tuple[TaskResult, ...]

    @property
    def succeeded(self) -> bool:
        return self.state == "success"

    @property
    def states(self) -> dict[str, str]:
        return {task.name: task.state for task in self.tasks}


def airflow_environment(home: Path, master: str = "local[2]") -> dict[str, str]:
    """Environment of every Airflow command that works in `home`; settings of another Airflow on this machine are left out."""
    home = home.resolve()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings = {
        "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PLUGINS_FOLDER": str(home / "plugins"),
        # A command may write while all parts of Airflow do: after the default of 5 s it gives up with a stack trace.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / _DATABASE}?timeout=60",
        "DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "API__HOST": "127.0.0.1",
        "API__BASE_URL": "http://127.0.0.1:8080",
    }
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": master}),
        "JAVA_HOME": str(find_java()),
        "NO_COLOR": "1",
        # Spark listens, too: on the address of the host's name unless it is given another one.
        "SPARK_LOCAL_IP": "127.0.0.1",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def migrate(environment: Mapping[str, str]) -> None:
    """Create or upgrade the database; at once if this version of Airflow did so before. The output is in `migrate.log`."""
    home = Path(environment["AIRFLOW_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    marker, wanted = home / _MIGRATED, version("apache-airflow")
    if (home / _DATABASE).exists() and marker.exists() and marker.read_text() == wanted:
        return
    log = home / "migrate.log"
    if _run(["db", "migrate"], environment, log) != 0:
        raise TryAgain(f"`airflow db migrate` failed; {log} ends with:\n{_last_lines(log)}")
    marker.write_text(wanted)


def test_dag(dag_id: str, environment: Mapping[str, str], log: Path, conf: Mapping[str, Any] = {}) -> DagRunResult:  # noqa: PT028
    """Run the DAG once, with these parameters, and say what became of it; all output goes to the file `log`."""
    before = _newest_run(dag_id, environment)
    started = time.monotonic()
    code = _run(["dags", "test", dag_id, *(["--conf", json.dumps(conf)] if conf else [])], environment, log)
    seconds = time.monotonic() - started
    run = _newest_run(dag_id, environment)
    if run is None or run == before or run[2] not in ("success", "failed"):
        raise TryAgain(
            f"`airflow dags test {dag_id}` ended with {code} before the run was over; {log} ends with:\n{_last_lines(log)}"
        )
    _, run_id, state = run
    return DagRunResult(run_id, state, seconds, _tasks(dag_id, run_id, environment))


def kill_dag(dag_id: str, environment: Mapping[str, str], log: Path) -> float:
    """Run the DAG once in an environment in which it kills its whole process group; the seconds until then.
    `TryAgain` if it was not killed.
    """
    before = _newest_run(dag_id, environment)
    started = time.monotonic()
    code = _run(["dags", "test", dag_id], environment, log)
    seconds = time.monotonic() - started
    run = _newest_run(dag_id, environment)
    if code != -signal.SIGKILL or run is None or run == before:
        raise TryAgain(
            f"`airflow dags test {dag_id}` was to be killed but ended with {code}; {log} ends with:\n{_last_lines(log)}"
        )
    _note_death(dag_id, run[1], environment)
    return seconds


def _note_death(dag_id: str, run_id: str, environment: Mapping[str, str]) -> None:
    """What a scheduler does when a run's heartbeat stays away. Nobody else would,
    and a run that seems to go on lets no other one begin.
    """
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    with closing(sqlite3.connect(Path(environment["AIRFLOW_HOME"]) / _DATABASE)) as connection, connection:
        for table, living in (("task_instance", ("running", "queued", "scheduled")), ("dag_run", ("running", "queued"))):
            connection.execute(
                f"UPDATE {table} SET state = 'failed', end_date = ? WHERE dag_id = ? AND run_id = ? AND state IN "
                f"({', '.join('?' * len(living))})",
                (now, dag_id, run_id, *living),
            )


def _run(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Run an Airflow command in a process group of its own, which is ended whole if we are interrupted: Spark runs below it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(environment),
            cwd=environment["AIRFLOW_HOME"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait()
        finally:
            if process.returncode is None:
                _end_group(process)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def _newest_run(dag_id: str, environment: Mapping[str, str]) -> tuple[int, str, str] | None:
    rows = _query(environment, "SELECT id, run_id, state FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", dag_id)
    return (int(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None


def _tasks(dag_id: str, run_id: str, environment: Mapping[str, str]) -> tuple[TaskResult, ...]:
    """In the order they were started, then those that never were."""
    rows = _query(
        environment,
        "SELECT task_id, state, start_date, end_date, map_index FROM task_instance WHERE dag_id = ? AND run_id = ?",
        dag_id,
        run_id,
    )
    rows.sort(key=lambda row: (row[1] == "skipped", row[2] is None, row[2] or "", row[0], row[4]))
    return tuple(TaskResult(str(name), str(state), _seconds(start, end), index) for name, state, start, end, index in rows)


def _seconds(start: str | None, end: str | None) -> float | None:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() if start and end else None


def _query(environment: Mapping[str, str], statement: str, *values: str) -> list[tuple[Any, ...]]:
    database = Path(environment["AIRFLOW_HOME"]) / _DATABASE
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement, values).fetchall()


def _last_lines(log: Path, count: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])

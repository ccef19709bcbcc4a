"""A whole Airflow on this machine without Docker: API server with the web UI, scheduler, DAG processor, triggerer. Loopback only.

SQLite and the LocalExecutor, everything in the folder that `airflow.py` made. The login's password is made once, for this folder.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError, TryAgain
from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.api import AirflowApi
from spark_jobs.local.airflow.in_process import migrate
from spark_jobs.local.airflow.parts import END_SECONDS, KILL_SECONDS
from spark_jobs.local.free_ports import reserved_ports
from spark_jobs.local.listening import listens

USER = "admin"
DEFAULT_PORT = 8080
READY_SECONDS = 180.0
TASKS_AT_ONCE = 4
"""The LocalExecutor starts as many workers at once, each with 100 MB, however few tasks there are."""
_PASSWORDS = "passwords.json"


@dataclass(frozen=True)
class RunningAirflow:
    """All parts at work. `logs` has one file for each of them."""

    api: AirflowApi
    logs: Path
    parts: "subprocess.Popen[bytes]"

    def wait(self) -> None:
        """As long as it runs; `TryAgain` if a part ended by itself."""
        self.parts.wait()
        raise TryAgain(f"Airflow ended by itself; its logs are in {self.logs}")

    def wait_for(self, unready: Callable[[], str | None], on_news: Callable[[str], object]) -> None:
        """Until no part is unready any more; `TryAgain` if that takes too long or a part ends."""
        deadline = time.monotonic() + READY_SECONDS
        while (part := unready()) is not None:
            on_news(f"waiting for the {part}")
            if self.parts.poll() is not None:
                self.wait()
            if time.monotonic() > deadline:
                raise TryAgain(f"Airflow's {part} is not ready after {READY_SECONDS:.0f} s; see {self.logs / f'{part}.log'}")
            with suppress(subprocess.TimeoutExpired):
                self.parts.wait(0.5)


def choose_port(wanted: int | None) -> int:
    """The wanted port, or `ConfigurationError` if it is taken; if none is wanted the usual one or, failing that, any free one.

    Somebody may take it afterwards: `running_airflow` reserves it.
    """
    with _reserved(wanted) as port:
        return port


@contextmanager
def _reserved(wanted: int | None) -> Iterator[int]:
    with reserved_ports([wanted or DEFAULT_PORT]) as (port,):
        if wanted is not None and port != wanted:
            raise ConfigurationError(f"port {wanted} on 127.0.0.1 is taken by another process; choose another one with --port")
        yield port


def server_environment(environment: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of all parts, from that of single commands."""
    settings = {
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": "1",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(TASKS_AT_ONCE),
        # On a busy machine an answer takes longer than the usual 5 s, and a task that waits for it in vain loses a try.
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
        # A task of a scheduler that was killed is found again this many seconds after a new start, not after five minutes.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(Path(environment["AIRFLOW_HOME"]) / _PASSWORDS),
    }
    # Tasks speak with the API server by HTTP, and a proxy of the outside knows nothing of our loopback.
    local = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    return {**environment, **local, **{f"AIRFLOW__{name}": value for name, value in settings.items()}}


def login_password(environment: Mapping[str, str]) -> str:
    """The login's password; made if this folder has none, for nobody else's eyes."""
    file = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    if not file.exists():
        beside = file.with_suffix(".part")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            json.dump({USER: secrets.token_urlsafe(12)}, output)
        beside.replace(file)
    return str(json.loads(file.read_text())[USER])


@contextmanager
def running_airflow(
    environment: Mapping[str, str], wanted_port: int | None, on_news: Callable[[str], object] = str
) -> Iterator[RunningAirflow]:
    """All parts, ready to use, and ended at the end; `on_news` hears what is waited for. About the port see `choose_port`."""
    with _reserved(wanted_port) as port, _running(server_environment(environment, port), port, on_news) as running:
        yield running


@contextmanager
def _running(environment: Mapping[str, str], port: int, on_news: Callable[[str], object]) -> Iterator[RunningAirflow]:
    logs = Path(environment["AIRFLOW_HOME"]) / "logs"
    migrate(environment)
    logs.mkdir(parents=True, exist_ok=True)
    api = AirflowApi(environment["AIRFLOW__API__BASE_URL"], USER, login_password(environment))
    parts = _start_parts(environment, logs)
    try:
        running = RunningAirflow(api, logs, parts)
        started = datetime.now(UTC)
        # Who answers at the port before our server has it is another one, which knows neither our password nor our DAGs.
        running.wait_for(lambda: api.unready(started) if listens(parts.pid, port) else "api-server", on_news)
        yield running
    finally:
        _end(parts)


def _start_parts(environment: Mapping[str, str], logs: Path) -> "subprocess.Popen[bytes]":
    """The process that starts the others and ends them once we close its standard input, or are gone."""
    with (logs / "parts.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "spark_jobs.local.airflow.parts", str(logs)],
            env=dict(environment),
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(parts: "subprocess.Popen[bytes]") -> None:
    if parts.stdin:
        parts.stdin.close()
    parts.wait(END_SECONDS + 3 * KILL_SECONDS)

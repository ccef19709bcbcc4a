"""Services of `docker-compose.yml` as plain processes of this machine: their own commands, environments and health checks.

What only a container has is replaced by text: names of hosts, ports that may be taken, folders of volumes. Nothing else of the
outer environment gets in, so a variable that the file forgets is missing here too.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from spark_jobs.local import tied
from spark_jobs.local.free_ports import free_ports
from tests.compose_file import filled, make_secrets, read_compose, read_secrets
from tests.submitted import wait_until

HOST = "127.0.0.1"


@dataclass
class Stack:
    """What runs, where it was put, and the secrets it was given."""

    folder: Path
    secrets: dict[str, str]
    inside: int
    airflow: int
    replaced: Mapping[str, Mapping[str, str]]
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def service(self, name: str) -> dict[str, Any]:
        """The service as the file has it, variables filled in and containers' places replaced."""
        return {key: self._replace(value, name) for key, value in filled(read_compose()["services"][name], self.secrets).items()}

    def environment(self, name: str) -> dict[str, str]:
        """What a process of the service sees."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        base = {
            "DAYFOLD__LAKE": str(self.folder / "lake"),
            "DAYFOLD__STATE": str(self.folder / "state"),
            "PATH": path,
            "JAVA_HOME": str(find_java()),
            "HOME": str(self.folder),
            "SPARK_LOCAL_IP": HOST,
            "PYTHONPATH": str(PROJECT),
            "AIRFLOW__API__HOST": HOST,
        }
        return base | {key: str(value) for key, value in self.service(name)["environment"].items()}

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start(self, name: str) -> None:
        """Start the service and wait until its own health check is content."""
        self.running.append(self._spawn(name, self.service(name)["command"]))
        process, check = self.running[-1], self.service(name)["healthcheck"]["test"]

        def is_healthy() -> bool:
            assert process.poll() is None, f"{name} ended: {self.log(name).read_text()}"
            return self.run(name, check[1:]) == 0

        assert check[0] == "CMD"
        wait_until(is_healthy, f"{name} to be healthy, see {self.log(name)}", seconds=90)

    def run(self, name: str, command: list[str]) -> int:
        """Run a command in the service's surroundings; its exit code."""
        return self._spawn(f"{name}-command", command, of=name).wait(120)

    def run_once(self, name: str, *arguments: str) -> str:
        """Run a one-shot service to its end, which must be a success; what it said."""
        service = self.service(name)
        command = [*service.get("entrypoint", []), *service.get("command", []), *arguments]
        code = self._spawn(name, command).wait(120)
        said = self.log(name).read_text()
        assert code == 0, said
        return said

    def _spawn(self, name: str, command: list[str], of: str | None = None) -> "subprocess.Popen[bytes]":
        """In a process group of its own that does not outlive this process; `env` finds the command as a container would."""
        tie = [sys.executable, "-I", tied.__file__, str(os.getpid()), "/usr/bin/env"]
        with self.log(name).open("wb") as log:
            return subprocess.Popen(
                [*tie, *command], cwd=PROJECT, env=self.environment(of or name), stdout=log, stderr=log, start_new_session=True
            )

    def end(self) -> None:
        """Leave no process behind."""
        for process in reversed(self.running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def _replace(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: self._replace(one, name) for key, one in value.items()}
        if isinstance(value, list):
            return [self._replace(one, name) for one in value]
        return self._moved(value, {**self.replaced["all"], **self.replaced[name]}) if isinstance(value, str) else value

    @staticmethod
    def _moved(text: str, replaced: Mapping[str, str]) -> str:
        for old, new in replaced.items():
            # Whole words: one port's digits may stand inside another's.
            text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _, new=new: new, text)  # type: ignore[misc]
        return text


def make_stack(folder: Path, database: str = "") -> Stack:
    """Nothing runs yet; secrets are made as a user makes them, and every port is free.
    `database` is Airflow's, SQLite if empty.
    """
    make_secrets(folder / ".env")
    secrets = read_secrets(folder / ".env")
    inside, host, controller, master, master_page, worker_page, airflow, health = free_ports([None] * 8)
    replaced = {
        "all": {
            "INSIDE://:9092": f"INSIDE://{HOST}:{inside}",
            "kafka:9092": f"{HOST}:{inside}",
            "HOST://:19092": f"HOST://{HOST}:{host}",
            f"{HOST}:19092": f"{HOST}:{host}",
            f"{HOST}:9093": f"{HOST}:{controller}",
            "/var/lib/kafka": str(folder / "kafka"),
            "spark-master:7077": f"{HOST}:{master}",
            "/tmp/work": str(folder / "work"),
            "/opt/dayfold": str(PROJECT),
            "/var/lib/airflow": str(folder / "airflow"),
            "airflow-api-server:8080": f"{HOST}:{airflow}",
            # A PostgreSQL is not to be had everywhere that tests run.
            f"postgresql+psycopg2://airflow:{secrets['POSTGRES_PASSWORD']}@postgres:5432/airflow": database
            or f"sqlite:///{folder}/airflow.db",
        },
        "spark-master": {"spark-master": HOST, "7077": str(master), "8080": str(master_page)},
        "spark-worker": {"8081": str(worker_page)},
        "airflow-api-server": {"8080": str(airflow)},
        "airflow-scheduler": {"8974": str(health)},
    }
    services = read_compose()["services"]
    return Stack(folder, secrets, inside, airflow, {**{name: {} for name in services}, **replaced})

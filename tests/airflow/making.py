"""`dayfold airflow` in a project folder of its own: started, watched and ended as a user at a terminal does."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from spark_jobs.base.project import PROJECT
from spark_jobs.local.airflow.api import AirflowApi
from spark_jobs.local.kafka.server import find_broker
from tests.airflow.rest import RemoteDag
from tests.submitted import wait_until
from tests.world import World

START_SECONDS, END_SECONDS = 300.0, 120.0


@dataclass(frozen=True)
class Made:
    """The command at work, what it has said, and how to get in."""

    process: "subprocess.Popen[bytes]"
    project: Path
    said: str

    @property
    def dag(self) -> RemoteDag:
        found = {name: re.search(rf"^{name} +(\S+)$", self.said, re.MULTILINE) for name in ("open", "user", "password")}
        assert all(found.values()), self.said
        return RemoteDag(AirflowApi(*(match[1] for match in found.values() if match)), "daily_voltage")

    @property
    def processes(self) -> list[psutil.Process]:
        """All that it has started, and all that those have."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def listening(self) -> set[tuple[str, int]]:
        """Addresses that any of its processes listens on now."""
        found = set()
        for one in self.processes:
            with suppress(psutil.NoSuchProcess):
                sockets = one.net_connections(kind="inet")
                found |= {(each.laddr[0], each.laddr[1]) for each in sockets if each.status == psutil.CONN_LISTEN}
        return found


def make_project(folder: Path) -> Path:
    """A folder with the shipped pipeline's file."""
    (folder / "conf" / "pipelines").mkdir(parents=True)
    shutil.copy(PROJECT / "conf" / "pipelines" / "daily_voltage.yaml", folder / "conf" / "pipelines")
    return folder


@contextmanager
def making(project: Path, environment: Mapping[str, str] = {}) -> Iterator[Made]:
    """The command at work in its own process group, ready to use; it and its broker are gone at the end, in whatever way."""
    script = f"from pathlib import Path; from spark_jobs.local.demo.serving import *; serve_airflow(Path({str(project)!r}))"
    said = project / "said.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        ready = "Ctrl-C stops all of it"
        wait_until(lambda: process.poll() is not None or ready in said.read_text(), "Airflow to be ready", START_SECONDS)
        assert process.poll() is None, said.read_text()
        yield Made(process, project, said.read_text())
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(END_SECONDS)


def world_of(made: Made, partitions: int) -> World:
    """The shipped pipeline on the embedded broker."""
    broker = find_broker(made.project / "data" / "kafka")
    assert broker is not None
    return World(broker.bootstrap, made.project / "conf" / "pipelines" / "daily_voltage.yaml", partitions, lambda: None)

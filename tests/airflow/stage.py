"""A whole Airflow with a DAG for each of several worlds, in which the next job of a pipeline can be held inside its
transaction.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from spark_jobs.launch.submit import spark_submit
from spark_jobs.local.airflow.in_process import airflow_environment
from spark_jobs.local.airflow.server import choose_port, running_airflow, server_environment
from tests import oracle
from tests.airflow.impatient import write_dags
from tests.airflow.rest import RemoteDag
from tests.submitted import wait_until
from tests.world import World, reading

PER_PARTITION = 40
HELD_SECONDS = 300.0

# Stands before Spark's own launcher. Where a file with the pipeline's name waits, this one job takes it and stops before its
# commit.
LAUNCHER = """#!/bin/sh
for one; do
  case "$one" in --config=*) name=$(basename "${{one#--config=}}" .yaml) ;; esac
done
if rm "{folder}/hold/$name" 2> /dev/null; then
  export DAYFOLD_ALLOW_FAULTS=1 DAYFOLD_FAULT=before:commit_transaction:stop
fi
exec {launcher} "$@"
"""


@dataclass(frozen=True)
class Stage:
    """The Airflow, its environment, and the worlds by name; the DAGs are paused at first."""

    folder: Path
    environment: Mapping[str, str]
    dags: Mapping[str, RemoteDag]
    worlds: Mapping[str, World]
    parts: psutil.Process

    def of(self, name: str) -> tuple[RemoteDag, World]:
        return self.dags[name], self.worlds[name]

    def hold_next(self, name: str) -> None:
        """Have the next job of the pipeline stop where everything is produced and nothing committed."""
        (self.folder / "hold" / name).touch()

    @contextmanager
    def still(self) -> Iterator[None]:
        """All parts frozen, none of them with a lock: on SQLite a command that reads and then writes fails at once if another
        wrote in between.
        """
        database = self.folder / "airflow" / "airflow.db"
        with ExitStack() as frozen:
            with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as lock:
                lock.execute("BEGIN IMMEDIATE")
                for one in [self.parts, *self.parts.children(recursive=True)]:
                    one.suspend()
                    frozen.callback(one.resume)
            yield

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command of Airflow's own command line."""
        return subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def staged(folder: Path, worlds: Mapping[str, World]) -> Iterator[Stage]:
    """The Airflow for the pipeline files in `folder`, until the end of the block."""
    launcher = make_launcher(folder)
    environment = airflow_environment(folder / "airflow")
    environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(write_dags(folder / "dags"))
    environment["PATH"] = f"{launcher.parent}:{environment['PATH']}"
    environment["DAYFOLD_PIPELINES"] = str(folder)
    environment["AIRFLOW_CONN_SPARK_DEFAULT"] = connection()
    port = choose_port(None)
    with running_airflow(environment, port) as airflow:
        wait_until(lambda: all(map(airflow.api.has_dag, worlds)), "the DAGs to be parsed", 120)
        dags = {name: RemoteDag(airflow.api, name) for name in worlds}
        yield Stage(folder, server_environment(environment, port), dags, worlds, psutil.Process(airflow.parts.pid))


def connection() -> str:
    """Of a Spark on this machine that is started by whatever `spark-submit` comes first in PATH."""
    return json.dumps({"conn_type": "spark", "host": "local[2]", "extra": {"spark-binary": "spark-submit"}})


def make_launcher(folder: Path) -> Path:
    """A `spark-submit` that looks into `folder/hold` before it starts Spark's."""
    launcher = folder / "bin" / "spark-submit"
    launcher.parent.mkdir()
    (folder / "hold").mkdir()
    launcher.write_text(LAUNCHER.format(folder=folder, launcher=spark_submit()))
    launcher.chmod(0o755)
    return launcher


def send(world: World, month: int) -> None:
    """Some readings of five days for each partition."""
    for partition in range(world.partitions):
        readings = (
            reading(f"{1 + n % 5:02d}/{month:02d}/2008 11:{n:02d}:00", f"23{partition}.{n:03d}") for n in range(PER_PARTITION)
        )
        world.send(partition, *readings)


def done(world: World) -> list[tuple[int, str]]:
    """Batch and run of each DONE row, by batch."""
    found = oracle.rows(f"{world.tables}/checkpoints")
    return sorted((row["batch"], row["run_id"]) for row in found if row["state"] == "DONE")


def all_succeeded(world: World) -> dict[str, str]:
    """The tasks of a run that read something from each partition."""
    mapped = [f"verify[{number}]" for number in range(world.partitions)]
    return dict.fromkeys(["new_records", "retention", "submit", "finished_batches", *mapped], "success")


@dataclass(frozen=True)
class Group:
    """The process group of a task whose driver stands still in its transaction: the task, the launcher, JVM, Python."""

    id: int
    members: tuple[psutil.Process, ...]


def held_group(world: World) -> Group:
    """Wait until the world's driver stands still in its transaction; nothing of the batch may be visible."""
    wait_until(lambda: bool(_held_drivers(world)), f"the driver of {world.pipeline.name} to be held", HELD_SECONDS)
    (driver,) = _held_drivers(world)
    group = os.getpgid(driver.pid)
    members = tuple(one for one in psutil.process_iter() if _group(one) == group)
    assert any("java" in one.name() for one in members)
    assert len(members) > 2
    return Group(group, members)


def _held_drivers(world: World) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if _is_held_driver(one, str(world.config))]


def _is_held_driver(process: psutil.Process, config: str) -> bool:
    try:
        named = any(config in part for part in process.cmdline())
        return named and process.status() == psutil.STATUS_STOPPED and process.name().startswith("python")
    except psutil.Error:
        return False


def _group(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None

"""A Spark cluster on this machine without Docker: a standalone master and one worker of the installed pyspark, loopback only.

For trying out and testing what a real cluster does to the job: executors in processes of their own, started by a worker that
knows nothing of this one. `python -m spark_jobs.local.spark_cluster` keeps one until Ctrl-C. Whoever may submit to a master may
run programs as its user, so each cluster has a secret of its own; it stands in the environment, never in an argument. Master and
worker are tied to the process that started them, and executors end with their worker.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spark_jobs.base.errors import DayfoldError, TryAgain
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from spark_jobs.launch.spark_environment import SECRET_VARIABLE, without_foreign
from spark_jobs.launch.submit import spark_submit
from spark_jobs.local import tied
from spark_jobs.local.free_ports import reserved_ports
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.setup.jars import fetch_jars

DEFAULT_PORT = 7077
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
ENVIRONMENT_FILE = "cluster.env"
_HOST = "127.0.0.1"
_JAVA_OPTIONS = "-Dspark.authenticate=true -Dspark.ui.killEnabled=false -XX:-UsePerfData"


@dataclass(frozen=True)
class ClusterSize:
    """What the worker offers to all applications together: processor cores, and memory in Spark's words."""

    cores: int = 2
    memory: str = "2g"


SMALL = ClusterSize()


@dataclass(frozen=True)
class Cluster:
    """A running master with its worker. `environment` is what a submitter needs besides the master's name."""

    master: str
    web: str
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    processes: tuple["subprocess.Popen[bytes]", ...] = field(repr=False)

    @property
    def connection(self) -> str:
        """The Airflow connection for it, as `AIRFLOW_CONN_SPARK_DEFAULT` takes it."""
        return json.dumps({"conn_type": "spark", "host": self.master})

    @property
    def work(self) -> Path:
        """Where the worker keeps a folder for each application, with the logs of its executors."""
        return self.folder / "work"

    def wait(self) -> None:
        """Until the master or the worker ends by itself, which is an error."""
        while all(process.poll() is None for process in self.processes):
            time.sleep(0.5)
        raise TryAgain(f"the Spark cluster ended by itself; see the logs in {self.folder}")


@contextlib.contextmanager
def start_cluster(folder: Path, *, size: ClusterSize = SMALL, port: int | None = None) -> Iterator[Cluster]:
    """A master and a worker, ready for applications, until the end of the block; at `port` if that is free.

    All files are in `folder`. Call it from the main thread, whose end Linux goes by when it ends tied processes.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fetch_jars()
    secret = secrets.token_urlsafe(32)
    environment = _daemon_environment(folder, secret)
    with reserved_ports([port, None, None]) as (port, master_web, worker_web), contextlib.ExitStack() as running:
        master = f"spark://{_HOST}:{port}"
        parts: list[subprocess.Popen[bytes]] = []
        for name, command in {
            "master": _master_command(port, master_web),
            "worker": _worker_command(master, worker_web, size, folder),
        }.items():
            parts.append(_spawn(name, command, environment, folder))
            running.callback(_end, parts[-1])
        web = f"http://{_HOST}:{master_web}"
        _wait_until_ready(master, web, parts, folder)
        yield Cluster(master, web, folder, {SECRET_VARIABLE: secret, "SPARK_LOCAL_IP": _HOST}, tuple(parts))


def _daemon_environment(folder: Path, secret: str) -> dict[str, str]:
    """Ours, without the settings of another Spark; `folder` holds no settings, so Spark's defaults hold."""
    return {
        **without_foreign(os.environ),
        "LC_ALL": "C.UTF-8",
        "JAVA_HOME": str(find_java()),
        "SPARK_HOME": str(spark_submit().parents[1]),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_DAEMON_MEMORY": "512m",
        "SPARK_DAEMON_JAVA_OPTS": _JAVA_OPTIONS,
        SECRET_VARIABLE: secret,
    }


def _master_command(port: int, web: int) -> list[str]:
    return ["org.apache.spark.deploy.master.Master", "--host", _HOST, "--port", str(port), "--webui-port", str(web)]


def _worker_command(master: str, web: int, size: ClusterSize, folder: Path) -> list[str]:
    offer = ["--cores", str(size.cores), "--memory", size.memory, "--work-dir", str(folder / "work")]
    return ["org.apache.spark.deploy.worker.Worker", "--host", _HOST, "--webui-port", str(web), *offer, master]


def _spawn(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    """Start one part in a process group of its own, tied to this process; its output goes to a log in the folder."""
    launcher = [sys.executable, "-I", tied.__file__, str(os.getpid()), str(spark_submit().with_name("spark-class"))]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*launcher, *command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_ready(master: str, web: str, parts: Sequence["subprocess.Popen[bytes]"], folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _has_worker(master, web):
        if time.monotonic() > deadline or any(part.poll() is not None for part in parts):
            raise TryAgain(f"the Spark cluster did not start; see master.log and worker.log in {folder}")
        time.sleep(0.1)


def _has_worker(master: str, web: str) -> bool:
    """Whether this master, and no other at its port, answers and knows a live worker.
    One whose port is taken goes to the next one.
    """
    nothing_yet = contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError)
    with nothing_yet, urllib.request.urlopen(f"{web}/json/", timeout=5) as answer:
        state = json.load(answer)
        return bool(state.get("url") == master and state.get("aliveworkers"))
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End one part with all below it: a worker's executors are in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


def write_environment(cluster: Cluster) -> Path:
    """A file of shell assignments for submitters, Airflow's connection included; for the owner only, the secret is in it."""
    path = cluster.folder / ENVIRONMENT_FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    values = {**cluster.environment, "AIRFLOW_CONN_SPARK_DEFAULT": cluster.connection}
    path.write_text("".join(f"export {name}='{value}'\n" for name, value in values.items()))
    return path


def main(arguments: Sequence[str]) -> int:
    """Keep a cluster in the given folder, `data/spark` if none is named, until Ctrl-C; the exit code."""
    folder = Path(arguments[0]) if arguments else PROJECT / "data" / "spark"
    try:
        with interrupted_once(), start_cluster(folder, port=DEFAULT_PORT) as cluster:
            path = write_environment(cluster)
            print(f"Spark runs at {cluster.master}, its page is {cluster.web}; Ctrl-C ends it.", flush=True)
            print(f"For whoever submits to it, Airflow too: . {path}", flush=True)
            cluster.wait()
    except DayfoldError as error:
        print(f"dayfold: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The job on a Spark cluster: a standalone master, its worker and executors in processes of their own, by connection only."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spark_jobs.base.errors import TryAgain
from spark_jobs.launch.spark_environment import SECRET_VARIABLE
from spark_jobs.local import spark_cluster
from spark_jobs.local.airflow import in_process
from spark_jobs.local.spark_cluster import Cluster, start_cluster
from tests.conftest import NewWorld
from tests.submitted import wait_until
from tests.world import World, reading

# One worker process of pytest has the cluster, and not two of them one each.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("spark_cluster")]

APPLICATIONS = "app-*"
WAITING_SECONDS = 180.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with start_cluster(tmp_path_factory.mktemp("spark_cluster")) as running:
        yield running


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world(partitions=2)
    world.send(0, reading("23/12/2006 16:52:00", "239.94"), b"no reading")
    world.send(1, reading("24/12/2006 16:52:00", "240"), reading("24/12/2006 16:53:00", "240.000001"))
    return world


def executors(cluster: Cluster) -> set[Path]:
    """The logs of all executors that the worker ever started, one for each."""
    return set(cluster.work.glob(f"{APPLICATIONS}/*/stderr"))


def secrets_holders(cluster: Cluster, *folders: Path) -> set[Path]:
    """Files with the cluster's secret in plain bytes."""
    secret = cluster.environment[SECRET_VARIABLE].encode()
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path for path in files if secret in path.read_bytes()}


def command_lines() -> str:
    return "\n".join(" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"]))


@pytest.mark.thorough
def test_a_job_submitted_to_a_cluster_counts_everything_and_shows_the_secret_nowhere(
    cluster: Cluster, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = executors(cluster)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    events = tmp_path / "events"
    events.mkdir()
    run = world.submit(
        conf={"spark.master": cluster.master, "spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file://{events}"}
    )
    wait_until(lambda: executors(cluster) > before, "an executor to start", seconds=120)
    seen = command_lines()
    code, output = run.finish()
    assert code == 0, output
    world.assert_all_counted()
    assert cluster.master in seen
    assert cluster.environment[SECRET_VARIABLE] not in output + seen
    assert secrets_holders(cluster, cluster.folder, tmp_path) == set()
    assert any(events.rglob("*"))


def test_a_dag_run_uses_the_cluster_that_the_connection_names(cluster: Cluster, world: World, tmp_path: Path) -> None:
    before = executors(cluster)
    environment = {
        **in_process.airflow_environment(tmp_path / "airflow"),
        **cluster.environment,
        "AIRFLOW_CONN_SPARK_DEFAULT": cluster.connection,
        "DAYFOLD_PIPELINES": str(world.config.parent),
    }
    in_process.migrate(environment)
    log = tmp_path / "dag_run.log"
    result = in_process.test_dag(world.pipeline.name, environment, log)
    assert result.succeeded, log.read_text()
    world.assert_all_counted()
    assert executors(cluster) > before


@pytest.mark.thorough
def test_a_master_that_does_not_answer_is_told_in_one_sentence_and_tried_again(world: World) -> None:
    code, output = world.submit(conf={"spark.master": "spark://127.0.0.1:1"}).finish()
    assert code == TryAgain.exit_code, output
    assert "dayfold: Spark stopped under the job: the cluster's master does not answer" in output
    assert "Traceback" not in output
    assert world.run()
    world.assert_all_counted()


@pytest.mark.thorough
def test_a_job_says_that_it_waits_while_no_worker_has_room_for_it(
    cluster: Cluster, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    run = world.submit(conf={"spark.master": cluster.master, "spark.executor.memory": "64g"})
    assert run.process.stdout is not None
    deadline = threading.Timer(WAITING_SECONDS, run.process.kill)
    deadline.start()
    assert any("ensure that workers are registered and have sufficient resources" in line for line in run.process.stdout)
    deadline.cancel()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_cluster_ends_with_the_process_that_started_it(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "spark_jobs.local.spark_cluster", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert "Spark runs at spark://127.0.0.1:" in process.stdout.readline()
        parts = psutil.Process(process.pid).children()
        listening = {
            one.laddr.ip.removeprefix("::ffff:")
            for part in parts
            for one in part.net_connections()
            if one.status == psutil.CONN_LISTEN
        }
        process.send_signal(how)
        process.wait(30)
    assert (len(parts), listening) == (2, {"127.0.0.1"})
    wait_until(lambda: not any(part.is_running() for part in parts), "master and worker to end")
    environment_file = tmp_path / spark_cluster.ENVIRONMENT_FILE
    assert environment_file.stat().st_mode & 0o077 == 0

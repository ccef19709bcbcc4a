"""`make airflow` ends while a task stands in its Kafka transaction,
in each way a user or a machine may end it; a new start goes on.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from spark_jobs.local.kafka.server import find_broker, stop_broker
from tests.airflow.making import END_SECONDS, Made, make_project, making, world_of
from tests.airflow.rest import is_alive
from tests.airflow.stage import all_succeeded, done, held_group, send
from tests.submitted import wait_until

# One worker runs all of it: what follows begins with what went before.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("restarts")]

HOLD = {"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": "before:commit_transaction:stop"}
PARTITIONS = 4


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = make_project(tmp_path_factory.mktemp("restarted"))
    try:
        yield folder
    finally:
        stop_broker(folder / "data" / "kafka")


def terminate(made: Made) -> None:
    """As a shutdown of the machine does."""
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(END_SECONDS) == 0


def kill_scheduler(made: Made) -> None:
    """As the kernel does when there is no memory left: Airflow's parts end each other."""
    leaders = [one for one in made.processes if os.getsid(one.pid) == one.pid]
    (scheduler,) = [one for one in leaders if "scheduler" in one.cmdline()]
    os.killpg(scheduler.pid, signal.SIGKILL)
    assert made.process.wait(END_SECONDS) != 0
    assert "Airflow ended by itself" in (made.project / "said.txt").read_text()


def kill_all(made: Made) -> None:
    """Without mercy: nobody is left to clean up but those who notice it. The broker lives on, for the next start."""
    os.killpg(made.process.pid, signal.SIGKILL)


@pytest.mark.group("AF")
@pytest.mark.proves("F65", "F67", "F69")
def test_a_run_goes_on_after_new_starts_of_airflow_and_nothing_is_left_running_in_between(project: Path) -> None:
    with making(project, HOLD) as made:
        world = world_of(made, PARTITIONS)
        send(world, month=4)
        made.dag.unpause()
        strike(made, terminate)
        assert find_broker(project / "data" / "kafka") is None
    with making(project, HOLD) as made:
        strike(made, kill_scheduler)
    with making(project) as made:
        world.bootstrap = world_of(made, PARTITIONS).bootstrap
        run_id = made.dag.scheduled_run()
        assert made.dag.wait(run_id) == "success"
        assert made.dag.states(run_id) == all_succeeded(world)
        assert done(world) == [(1, run_id)]
        world.assert_all_counted()
        broker = find_broker(project / "data" / "kafka")
        assert broker is not None
        require_ended(made, kill_all, {*made.processes} - {broker.process})
    assert is_alive(broker.process)


def strike(made: Made, how: Callable[[Made], None]) -> None:
    """Wait until a task stands in its transaction; end Airflow; nothing of it may be left, the task's processes included."""
    group = held_group(world_of(made, PARTITIONS))
    require_ended(made, how, {*made.processes, *group.members})


def require_ended(made: Made, how: Callable[[Made], None], started: set[psutil.Process]) -> None:
    how(made)
    wait_until(lambda: not any(map(is_alive, started)), "all of Airflow to end", END_SECONDS)

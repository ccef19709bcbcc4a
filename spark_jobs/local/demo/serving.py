"""`dayfold airflow`: a whole Airflow on this machine, with the embedded Kafka and the demo's tables, until somebody ends it.

Its folder is the demo's, so the demo's DAG runs are there, too. Only one of the two works there at a time.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from spark_jobs.base.lock import hold_lock
from spark_jobs.base.project import PROJECT
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.tables import Lake
from spark_jobs.local.airflow.server import USER, RunningAirflow, choose_port, running_airflow
from spark_jobs.local.demo import dag_runs
from spark_jobs.local.demo.ground import Ground, prepare_ground, running_kafka
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.screen import Screen


def serve_airflow(project: Path = PROJECT, port: int | None = None, console: Console | None = None) -> None:
    """Everything, until an interruption; nothing that was started here is left then.

    `ConfigurationError` if the port is taken, `PipelineBusy` while the demo runs, `TryAgain` if Airflow does not start or ends.
    """
    screen, data = Screen(console or Console()), project / "data"
    lock = hold_lock(data / "demo" / "demo.lock", pipeline="the demo", run_id="make airflow")
    try:
        with interrupted_once(), lock:
            # Better now than after the broker was started.
            choose_port(port)
            with running_kafka(data / "kafka", screen) as kafka:
                ground = prepare_ground(project, kafka, screen)
                _serve(ground, data / "airflow", port, screen)
    except KeyboardInterrupt:
        screen.say("stopped; nothing is left running that was started here")


def _serve(ground: Ground, home: Path, port: int | None, screen: Screen) -> None:
    scheduler = dag_runs.scheduler(ground.pipeline, ground.config, home, ground.settings)
    with ExitStack() as started:
        news = ["its database"]
        with screen.waiting("Airflow", lambda: news[-1]) as clock:
            running = started.enter_context(running_airflow(scheduler.environment, port, news.append))
            running.wait_for(lambda: None if running.api.has_dag(ground.pipeline.name) else "dag-processor", news.append)
        screen.done("Airflow", f"{running.api.address}, logs in {running.logs}", clock.seconds)
        for line in welcome(ground, running):
            screen.say(line)
        running.wait()


def welcome(ground: Ground, running: RunningAirflow) -> Iterator[str]:
    """Where to go and what is there."""
    yield f"\n{'open':<10} {running.api.address}"
    yield f"{'user':<10} {USER}"
    yield f"{'password':<10} {running.api.password}"
    yield f"{'DAG':<10} {running.api.address}/dags/{ground.pipeline.name}, paused: switch it on, and it runs at once, then daily"
    lake = Lake.of(ground.pipeline)
    if not lake.exists(CHECKPOINTS):
        yield (
            f"\nThe demo has not been run here: there are no tables yet, and {ground.pipeline.input.topic} may be empty. A "
            "run finds nothing new until something is sent; `make demo` loads four years of readings."
        )
    yield "\nCtrl-C stops all of it."

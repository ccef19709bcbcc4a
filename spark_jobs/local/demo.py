"""`dayfold demo`: four years of real readings through Kafka, Airflow, Spark and Delta, compared with their source and shown.

Loads all but the last days and has the DAG average them; loads the rest and has it average only those; runs it once more, with
nothing to do. Each part finds out by itself what an earlier or interrupted demo has done already, so it can be started again at
any time. Everything is below `data/` of the project folder.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from spark_jobs.broker import Broker, connect
from spark_jobs.checkpoints import CheckpointLog
from spark_jobs.config import Pipeline, load_pipeline
from spark_jobs.errors import DecisionNeeded
from spark_jobs.kafka_settings import load_kafka_settings
from spark_jobs.lake import Lake
from spark_jobs.local import airflow, dag_runs
from spark_jobs.local.demo_check import Verdict, check
from spark_jobs.local.demo_report import (
    Hint,
    Report,
    Step,
    batch_sheet,
    newest_sheet,
    offset_sheet,
    on_terminal,
    save_page,
    step_sheet,
)
from spark_jobs.local.ground import PARTITIONS, prepare_ground, running_kafka
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.kafka_server import RunningKafka, client_file
from spark_jobs.local.loading import send_missing
from spark_jobs.local.readings import SOURCE, Missing, Readings, find_csv, missing_rows, read_readings
from spark_jobs.local.screen import Clock, Screen
from spark_jobs.lock import hold_lock
from spark_jobs.planning import preview
from spark_jobs.status import read_status
from spark_jobs.submit import PROJECT

TITLE, CAPTION = "Dayfold demo: exact daily averages of real readings", "Household voltage: the average of each day"


@dataclass(frozen=True)
class Scope:
    """How much is loaded: the first `days` of the readings, or all; the last `later_days` of those by the second load."""

    days: int | None = None
    later_days: int = 4


EVERYTHING = Scope()


@dataclass(frozen=True)
class Outcome:
    """What a finished demo did and found, and where its picture and page are."""

    steps: tuple[Step, ...]
    verdict: Verdict
    picture: Path
    page: Path
    hints: tuple[Hint, ...]


@dataclass(frozen=True)
class Demo:
    """What all parts of the demo share."""

    project: Path
    pipeline: Pipeline
    kafka: RunningKafka
    broker: Broker
    readings: Readings
    later_days: int
    airflow: dag_runs.Scheduler
    screen: Screen
    steps: list[Step]

    @property
    def folder(self) -> Path:
        return self.project / "data" / "demo"


def run_demo(project: Path = PROJECT, scope: Scope = EVERYTHING, console: Console | None = None) -> Outcome:
    """The whole demo in the `data` folder of `project`, whose `conf/pipelines/daily_voltage.yaml` says what the pipeline is.

    The broker lives on afterwards, for what one may try next; if the demo is interrupted or fails, whatever it started ends.
    """
    screen, folder = Screen(console or Console()), project / "data" / "demo"
    screen.say("Dayfold demo: real readings through Kafka, Airflow, Spark and Delta\n", "bold")
    lock = hold_lock(folder / "demo.lock", pipeline="the demo", run_id="make demo")
    with interrupted_once(), lock, running_kafka(project / "data" / "kafka", screen) as kafka:
        demo = prepare(project, scope, kafka, screen)
        load(demo, "history", until=len(demo.readings.days) - demo.later_days)
        average_new(demo, "history")
        load(demo, f"last {demo.later_days} days", until=len(demo.readings.days))
        average_new(demo, f"last {demo.later_days} days")
        average_nothing(demo)
        return finish(demo)


def prepare(project: Path, scope: Scope, kafka: RunningKafka, screen: Screen) -> Demo:
    """Readings, topics and Airflow, all there."""
    ground = prepare_ground(project, kafka, screen)
    with screen.waiting("readings") as clock:
        readings = _readings(scope)
    days = readings.days
    screen.done("readings", f"{readings.count:,} of {len(days):,} days, {days[0].date} to {days[-1].date}", clock.seconds)
    scheduler = dag_runs.scheduler(ground.pipeline, ground.config, project / "data" / "airflow", ground.settings)
    with screen.waiting("Airflow") as clock:
        airflow.migrate(scheduler.environment)
    screen.done("Airflow", "its database is ready", clock.seconds)
    broker = connect(load_kafka_settings(ground.clients, {}))
    return Demo(project, ground.pipeline, kafka, broker, readings, scope.later_days, scheduler, screen, [])


def _readings(scope: Scope) -> Readings:
    readings = read_readings(find_csv())
    return readings if scope.days is None else readings.first_days(scope.days)


def load(demo: Demo, what: str, *, until: int) -> None:
    """Send those readings of the first `until` days that the topic does not hold yet."""
    missing = _missing(demo, until)
    count, name = sum(one.count for one in missing), f"load the {what}"
    if not count:
        demo.screen.done(name, "all there from before")
        return
    clock = Clock()
    with demo.screen.counting(name, count) as on_sent:
        send_missing({"bootstrap.servers": demo.kafka.bootstrap}, demo.pipeline.input.topic, demo.readings, missing, on_sent)
    clock.stop()
    demo.steps.append(Step(name, clock.seconds, count))
    demo.screen.done(name, f"{count:,} records", clock.seconds)


def _missing(demo: Demo, until: int) -> list[Missing]:
    present = {one.number: one.high for one in demo.broker.topic(demo.pipeline.input.topic).partitions}
    return missing_rows(demo.readings.days[:until], present, PARTITIONS)


def average_new(demo: Demo, what: str) -> None:
    """One DAG run if there is anything to do."""
    progress = CheckpointLog(Lake(demo.pipeline.lake, demo.pipeline.name)).progress
    found = preview(demo.broker, demo.pipeline, progress)
    if found.problems:
        raise DecisionNeeded(f"{found.problems[0]}\nTo begin the demo anew: make clean, then make demo.")
    if found.has_work(demo.pipeline):
        _run_dag(demo, what)
    else:
        demo.screen.done(f"average the {what}", "done before")


def average_nothing(demo: Demo) -> None:
    """One DAG run that finds nothing new and starts no Spark."""
    if dag_runs.started_spark(_run_dag(demo, "nothing new")):
        raise DecisionNeeded("the last DAG run was to find nothing new, but it submitted the Spark job")


def _run_dag(demo: Demo, what: str) -> airflow.DagRunResult:
    number = 1 + sum(step.name.startswith("DAG run") for step in demo.steps)
    name = f"DAG run {number}: {what}"
    with demo.screen.waiting(name, dag_runs.news_of(demo.airflow.log(number))):
        result = dag_runs.run_dag(demo.airflow, number)
    step = dag_runs.dag_step(name, result, demo.pipeline)
    demo.steps.append(step)
    demo.screen.done(name, f"{step.records:,} records" if dag_runs.started_spark(result) else "no Spark started", step.seconds)
    return result


def finish(demo: Demo) -> Outcome:
    """Compare, draw, show."""
    with demo.screen.waiting("check"):
        verdict = check(demo.broker, demo.pipeline, demo.readings)
    status = read_status(demo.broker, demo.pipeline, now=datetime.now(UTC))
    sheets = (
        step_sheet(demo.steps),
        batch_sheet(dag_runs.done_rows(demo.pipeline)),
        newest_sheet(verdict.totals),
        offset_sheet(status),
    )
    report = Report(TITLE, CAPTION, SOURCE, verdict, sheets, places(demo), hints(demo))
    picture, page = save_page(demo.folder, report, demo.later_days)
    show(demo.screen, report)
    return Outcome(tuple(demo.steps), verdict, picture, page, report.hints)


def places(demo: Demo) -> dict[str, str]:
    """Where one finds what was made."""
    return {
        "plot and tables": _shown(demo.folder / "daily_voltage.html"),
        "picture": _shown(demo.folder / "daily_voltage.png"),
        "Delta tables": _shown(Path(demo.pipeline.lake) / demo.pipeline.name),
        "logs of the DAG runs": _shown(demo.airflow.logs),
    }


def hints(demo: Demo) -> tuple[Hint, ...]:
    """Three commands that work as they stand, in the folder where the demo was started."""
    dayfold, python, config = ".venv/bin/dayfold", ".venv/bin/python", _shown(demo.airflow.config)
    override = "" if _is_default(demo) else f" --set kafka={_shown(client_file(demo.kafka.folder))}"
    late = json.dumps('{"datetime": "26/11/2010 21:03:00", "voltage": 245}')
    client = json.dumps({"bootstrap.servers": demo.kafka.bootstrap, "partitioner": "murmur2"})
    send = f'p = Producer({client}); p.produce("{demo.pipeline.input.topic}", {late}, "2010-11-26"); p.flush()'
    table = _shown(Path(demo.pipeline.lake) / demo.pipeline.name / "daily_averages")
    return (
        Hint("See where the pipeline stands:", f"{dayfold} status {config}{override}"),
        Hint(
            "Send one more reading, and average it without reading the others again:",
            f"{python} -c 'from confluent_kafka import Producer; {send}'\n{dayfold} run {config}{override}",
        ),
        Hint(
            "Read a table without Spark:",
            f"{python} -c \"from deltalake import DeltaTable as T; print(T('{table}').to_pandas().sort_values('date'))\"",
        ),
    )


def show(screen: Screen, report: Report) -> None:
    """The end of the demo on the terminal."""
    for sentence in report.verdict.sentences:
        screen.done("check", sentence)
    screen.say()
    for sheet in report.sheets:
        screen.console.print(on_terminal(sheet))
    for name, place in report.places.items():
        screen.say(f"{name:<24} {place}")
    screen.say("\nThree things to try next", "bold")
    for hint in report.hints:
        screen.say(f"\n{hint.what}")
        screen.say(hint.command, "cyan")
    screen.say("\nKafka keeps running for these. To stop it: .venv/bin/dayfold broker stop; to remove everything: make clean")


def _is_default(demo: Demo) -> bool:
    """Whether the committed settings reach the demo's Kafka."""
    named = load_pipeline(demo.airflow.config, environment=os.environ).kafka
    return named.exists() and load_kafka_settings(named, os.environ).servers == demo.kafka.bootstrap


def _shown(path: Path) -> str:
    """Short where that means the same."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

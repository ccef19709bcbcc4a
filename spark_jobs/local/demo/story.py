"""`dayfold demo`: four years of real readings through Kafka, Airflow, Spark and Delta, compared with their source and shown.

Loads all but the last days and has the DAG average them: the first run is killed in the middle, the next one resumes its batch.
Loads the rest and has the DAG average only that; runs it once more, with nothing to do. Each part finds out by itself what an
earlier or interrupted demo has done already, so it can be started again at any time. Everything is below `data/` of the project
folder.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.answers.status import read_status
from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.lock import hold_lock
from spark_jobs.base.project import PROJECT
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import Broker, connect
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.tables import Lake
from spark_jobs.local.airflow import in_process
from spark_jobs.local.demo import dag_runs
from spark_jobs.local.demo.check import CheckVerdict, check
from spark_jobs.local.demo.ground import PARTITIONS, prepare_ground, running_kafka
from spark_jobs.local.demo.hints import hints, places
from spark_jobs.local.demo.loading import send_missing
from spark_jobs.local.demo.plot import Captions
from spark_jobs.local.demo.readings import SOURCE, Readings, find_csv, missing_rows, read_readings
from spark_jobs.local.demo.report import Hint, Report, batch_sheet, newest_sheet, offset_sheet, on_terminal, save_page, step_sheet
from spark_jobs.local.demo.steps import Step, Steps
from spark_jobs.local.interrupts import interrupted_once
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.local.screen import Clock, Screen
from spark_jobs.outlook.planning import preview_run
from spark_jobs.pipeline.settings import Pipeline

TITLE, CAPTION = "Dayfold demo: exact daily averages of real readings", "Household voltage: the average of each day"


@dataclass(frozen=True)
class Scope:
    """How much is loaded: the first `days` of the readings, or all; the last `later_days` of those by the second load."""

    days: int | None = None
    later_days: int = 4


EVERYTHING = Scope()


@dataclass(frozen=True)
class Outcome:
    """What the demo has done, in this start and earlier ones, what it found, and where its picture and page are."""

    steps: tuple[Step, ...]
    verdict: CheckVerdict
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
    steps: Steps

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
        demo = prepare_demo(project, scope, kafka, screen)
        load_days(demo, "history", until=len(demo.readings.days) - demo.later_days)
        average_new(demo, "history")
        last = f"last {counted(demo.later_days, 'day')}"
        load_days(demo, last, until=len(demo.readings.days))
        average_new(demo, last)
        average_nothing(demo)
        return check_and_print(demo)


def prepare_demo(project: Path, scope: Scope, kafka: RunningKafka, screen: Screen) -> Demo:
    """Readings, topics and Airflow, all there."""
    ground = prepare_ground(project, kafka, screen)
    with screen.waiting("readings") as clock:
        readings = _readings(scope)
    days = readings.days
    screen.done(
        "readings",
        f"{counted(readings.count, 'reading')} of {counted(len(days), 'day')}, {days[0].date} to {days[-1].date}",
        clock.seconds,
    )
    scheduler = dag_runs.scheduler(ground.pipeline, ground.config, project / "data" / "airflow", ground.settings)
    with screen.waiting("Airflow") as clock:
        in_process.migrate(scheduler.environment)
    screen.done("Airflow", "its database is ready", clock.seconds)
    broker = connect(load_kafka_settings(ground.clients, {}))
    steps = Steps.of(project / "data" / "demo" / "steps.json")
    return Demo(project, ground.pipeline, kafka, broker, readings, scope.later_days, scheduler, screen, steps)


def _readings(scope: Scope) -> Readings:
    readings = read_readings(find_csv())
    return readings if scope.days is None else readings.first_days(scope.days)


def load_days(demo: Demo, what: str, *, until: int) -> None:
    """Send those readings of the first `until` days that the topic does not hold yet."""
    present = {one.number: one.high for one in demo.broker.topic(demo.pipeline.input.topic).partitions}
    missing = missing_rows(demo.readings.days[:until], present, PARTITIONS)
    count, name = sum(one.count for one in missing), f"load the {what}"
    if not count:
        demo.screen.done(name, "all there from before")
        return
    if not any(present.values()):
        demo.steps.clear()
    clock = Clock()
    with demo.screen.counting(name, count) as on_sent:
        send_missing({"bootstrap.servers": demo.kafka.bootstrap}, demo.pipeline.input.topic, demo.readings, missing, on_sent)
    clock.stop()
    demo.steps.add(Step("load", name, dag_runs.now_as_text(), clock.seconds, count))
    demo.screen.done(name, counted(count, "record"), clock.seconds)


def average_new(demo: Demo, what: str) -> None:
    """One DAG run if there is anything to do. The very first one is killed in the middle of its batch,
    and another one resumes it.
    """
    progress = CheckpointLog(Lake.of(demo.pipeline)).progress
    found = preview_run(demo.broker, demo.pipeline, progress)
    if found.problems:
        raise DecisionNeeded(f"{found.problems[0]}\nTo begin the demo again: make clean, then make demo.")
    if not found.has_work(demo.pipeline):
        demo.screen.done(f"average the {what}", "done before")
    elif progress.last_done is None:
        _run_dag(demo, f"{what} again", resumed=demo.steps.killed or _kill_dag(demo, what))
    else:
        _run_dag(demo, what)


def average_nothing(demo: Demo) -> None:
    """One DAG run that finds nothing new and starts no Spark."""
    if _run_dag(demo, "nothing new").kind != "idle":
        raise DecisionNeeded("the last DAG run was to find nothing new, but it submitted the Spark job")


def _kill_dag(demo: Demo, what: str) -> Step:
    number, name = _next_run(demo, what)
    with demo.screen.waiting(name, dag_runs.news_of(demo.airflow.log(number))):
        step = dag_runs.kill_run(demo.airflow, number, name)
    return _done(demo, step)


def _run_dag(demo: Demo, what: str, *, resumed: Step | None = None) -> Step:
    number, name = _next_run(demo, what)
    with demo.screen.waiting(name, dag_runs.news_of(demo.airflow.log(number))):
        result = dag_runs.run_dag(demo.airflow, number)
    return _done(demo, dag_runs.dag_step(name, result, demo.pipeline, resumed))


def _next_run(demo: Demo, what: str) -> tuple[int, str]:
    return demo.steps.next_run, f"DAG run {demo.steps.next_run}: {what}"


def _done(demo: Demo, step: Step) -> Step:
    demo.steps.add(step)
    demo.screen.done(step.name, dag_runs.step_news(step), step.seconds)
    return step


def check_and_print(demo: Demo) -> Outcome:
    """Compare, draw, show."""
    killed, steps = demo.steps.killed, demo.steps.all
    with demo.screen.waiting("check"):
        verdict = check(demo.broker, demo.pipeline, demo.readings, killed.batch if killed else None)
    value = demo.pipeline.value
    sheets = (
        step_sheet(steps),
        batch_sheet(dag_runs.finished_batches(demo.pipeline)),
        newest_sheet(verdict.totals, value.unit),
        offset_sheet(read_status(demo.broker, demo.pipeline, now=datetime.now(UTC))),
    )
    newest = tuple(date.fromisoformat(day.date) for day in demo.readings.days[-demo.later_days :])
    captions = Captions(CAPTION, f"Readings: {SOURCE}", value.field, value.unit, newest)
    to_try = hints(demo.pipeline, demo.airflow.config, demo.kafka)
    report = Report(TITLE, captions, verdict, sheets, places(demo.folder, demo.airflow), to_try)
    picture, page = save_page(demo.folder, report)
    print_end(demo.screen, report)
    return Outcome(steps, verdict, picture, page, to_try)


def print_end(screen: Screen, report: Report) -> None:
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

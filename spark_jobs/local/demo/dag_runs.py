"""A DAG run of the demo: the real one, in an Airflow of its own, with news from its log while it goes on."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spark_jobs.base.errors import TryAgain
from spark_jobs.base.wording import counted
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.local.airflow.in_process import DagRunResult, airflow_environment, kill_dag, test_dag
from spark_jobs.local.demo.steps import Step
from spark_jobs.pipeline.files import FOLDER_VARIABLE
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Done, done_rows

SPARK_TASK = "submit"
FAILED_LINES = 15
DEATH = {"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": "before:commit_transaction:killgroup"}
"""The worst moment: all is stored, the averages are sent, and nothing of them is committed.
SIGKILL for Airflow, the JVM and the job at once.
"""
_TASK = re.compile(r"starting task_id=(\w+)")
_JOB = re.compile(r"\] \d\d:\d\d:\d\d (?P<line>.+?) \[airflow\.task\.hooks")
_NOISE = re.compile(r"^\S+Z \[\w+ *\] |\s+\[[\w.]+\]( [\w-]+=.*)?$")
_TAIL_BYTES = 20_000


@dataclass(frozen=True)
class Scheduler:
    """The Airflow of one pipeline file: its environment and where its runs leave their logs."""

    pipeline: Pipeline
    config: Path
    environment: Mapping[str, str]
    logs: Path

    def log(self, number: int) -> Path:
        return self.logs / f"dag_run_{number}.log"


def scheduler(pipeline: Pipeline, config: Path, home: Path, settings: Mapping[str, str]) -> Scheduler:
    """Airflow in `home` for the DAG of `config`, with these overrides of its settings and no others."""
    kept = {name: value for name, value in airflow_environment(home).items() if not is_override(name)}
    home.mkdir(parents=True, exist_ok=True)
    return Scheduler(pipeline, config, {**kept, FOLDER_VARIABLE: str(config.parent), **settings}, home)


def is_override(name: str) -> bool:
    """Whether an environment variable would change what a pipeline file says."""
    return name.startswith("DAYFOLD__") or name == FOLDER_VARIABLE


def run_dag(airflow: Scheduler, number: int) -> DagRunResult:
    """Run the DAG once; `TryAgain` with the end of its log if it failed."""
    log = airflow.log(number)
    log.unlink(missing_ok=True)
    result = test_dag(airflow.pipeline.name, airflow.environment, log)
    if not result.succeeded:
        failed = ", ".join(
            name for name, state in result.states.items() if state not in ("success", "skipped", "upstream_failed")
        )
        ends = "\n".join(f"  {line}" for line in last_lines(log))
        raise TryAgain(f"DAG run {number} failed at the task {failed}; its log {log} ends with:\n{ends}")
    return result


def kill_run(airflow: Scheduler, number: int, name: str) -> Step:
    """Run the DAG and kill it in the middle of its batch; what it left behind, which another run is to go on with."""
    log = airflow.log(number)
    log.unlink(missing_ok=True)
    seconds = kill_dag(airflow.pipeline.name, {**airflow.environment, **DEATH}, log)
    lake = Lake.of(airflow.pipeline)
    plan = CheckpointLog(lake).progress.unfinished
    if plan is None:
        raise TryAgain(f"DAG run {number} was killed before its batch was planned; see {log}")
    stored = read_rows(lake.open(RECORDS), ["batch"], [("batch", "=", plan.batch)]).num_rows
    facts = f"killed with SIGKILL while it published batch {plan.batch}"
    return Step("killed", name, now_as_text(), seconds, stored, facts, plan.batch)


def news_of(log: Path) -> Callable[[], str]:
    """What a run that writes to `log` is at: its task, and what the job said last."""

    def news() -> str:
        text = _tail(log)
        tasks, lines = _TASK.findall(text), [match["line"] for match in _JOB.finditer(text)]
        return f"{tasks[-1]}  {lines[-1] if lines else ''}" if tasks else "Airflow starts"

    return news


def last_lines(log: Path) -> list[str]:
    """The last lines of a log, without what Airflow puts around each."""
    return [_NOISE.sub("", line)[:200] for line in _tail(log).splitlines()[-FAILED_LINES:]]


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")


def dag_step(name: str, result: DagRunResult, pipeline: Pipeline, resumed: Step | None = None) -> Step:
    """What a run amounts to, by Airflow's times and the DONE rows it wrote;
    records that a killed run had stored are not its own.
    """
    read = sum(counts.read for row in finished_batches(pipeline) if row.run_id == result.run_id for counts in row.counts)
    seconds: dict[str, float] = defaultdict(float)
    for one in result.tasks:
        if one.state == "success" and one.seconds is not None:
            # A mapped task's instances run one after the other here, and all of them are one line of the story.
            seconds[one.task_id] += one.seconds
    tasks = "seconds: " + ", ".join(f"{task} {spent:.1f}" for task, spent in seconds.items())
    if not started_spark(result):
        return Step("idle", name, now_as_text(), result.seconds, read, f"no Spark started; {tasks}")
    if resumed is None:
        return Step("averaged", name, now_as_text(), result.seconds, read, tasks)
    facts = f"resumed batch {resumed.batch}; {tasks}"
    return Step("resumed", name, now_as_text(), result.seconds, read - resumed.records, facts, resumed.batch)


def step_news(step: Step) -> str:
    """What the line of a finished run says."""
    match step.kind:
        case "idle":
            return "no Spark started"
        case "killed":
            return f"{step.facts}; {counted(step.records, 'record')} stored"
        case "resumed":
            return f"resumed batch {step.batch}; {counted(step.records, 'record')} read again"
    return counted(step.records, "record")


def now_as_text() -> str:
    """As the steps of the demo are dated."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def started_spark(result: DagRunResult) -> bool:
    """Whether the run submitted the Spark job."""
    return result.states[SPARK_TASK] != "skipped"


def finished_batches(pipeline: Pipeline) -> list[Done]:
    """The DONE row of each finished batch."""
    return done_rows(CheckpointLog(Lake.of(pipeline)).rows)

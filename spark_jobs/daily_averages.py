"""The job: one Kafka topic to exact daily averages, every record counted exactly once.

Submitted with `spark-submit spark_jobs/daily_averages.py --config conf/pipelines/daily_voltage.yaml`. `run` tells the story;
`planning.py` decides what a batch reads; `steps.py` and its neighbours `steps_*.py` hold each step with its kill windows.
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from deltalake.exceptions import DeltaError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from spark_jobs import decisions, group_drift, planning, steps, steps_averages, steps_counts, steps_records, table_health
from spark_jobs.broker import connect
from spark_jobs.checkpoints import Checkpoint, CheckpointLog
from spark_jobs.config import Pipeline, load_pipeline
from spark_jobs.errors import DayfoldError, DecisionNeeded, TryAgain, UsageError
from spark_jobs.faults import fault
from spark_jobs.job import Job, Request, now, step
from spark_jobs.kafka_settings import KafkaSettings, load_kafka_settings
from spark_jobs.lake import Lake
from spark_jobs.lock import hold_lock
from spark_jobs.offsets import Plan, plan_ranges, total_span
from spark_jobs.outages import outage
from spark_jobs.publication import Publisher
from spark_jobs.session import build_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("dayfold")

PARENT_DEATH_SIGNAL = 1
EXIT_UNEXPECTED, EXIT_TRY_AGAIN = 70, 75
FOREIGN = (Py4JError, PySparkException, DeltaError, OSError)
"""What Spark and delta-rs raise; some of it is an outage that passes by itself."""


def run(pipeline: Pipeline, request: Request, spark: Callable[[], "SparkSession"]) -> list[Checkpoint]:
    """One run, S0 to S7: the DONE rows of the batches it finished, none if there was nothing new."""
    kafka = load_kafka_settings(pipeline.kafka, os.environ)
    fault("before:lock")
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id=request.run_id), connect(kafka) as broker:
        publisher = fenced(pipeline, kafka)
        lake = Lake(pipeline.lake, pipeline.name)
        table_health.require_readable(lake)
        job = Job(pipeline, request, kafka, broker, lake, CheckpointLog(lake), spark)
        fault("after:checkpoints_read")
        topics = planning.look_at_topics(broker, pipeline)
        require_tables_not_behind(job, topics)
        table_health.require_whole(lake, job.checkpoints)
        planning.warn_early(broker, pipeline, job.checkpoints.progress, topics.input, now())
        group_drift.warn_of_group(broker, pipeline, job.checkpoints.progress, topics.input)
        if request.abandon:
            decisions.abandon(job)
        done = []
        plan = job.checkpoints.progress.unfinished or next_plan(job, topics)
        while plan:
            done.append(finish_batch(job, plan, topics, publisher))
            plan = next_plan(job, topics)
            publisher = fenced(pipeline, kafka) if plan else publisher
        return done


def fenced(pipeline: Pipeline, kafka: KafkaSettings) -> Publisher:
    """S0: a new producer; every older run of the pipeline, on any machine, can publish no more."""
    publisher = Publisher(kafka, pipeline.name)
    fault("before:fence")
    publisher.fence()
    fault("after:fence")
    return publisher


def require_tables_not_behind(job: Job, topics: planning.Topics) -> None:
    """S1: raise if the group proves a batch that this run does not know: `Superseded` if the checkpoints know it by now."""
    try:
        planning.require_tables_not_behind(job.broker, job.pipeline, job.checkpoints.progress, topics.input)
    except DecisionNeeded:
        job.checkpoints.require_newest()
        raise


def next_plan(job: Job, topics: planning.Topics) -> Plan | None:
    """S1 and S2: the next batch, stored; None if the run's ends are reached and nothing was written."""
    decisions.settle_topic(job, topics.input)
    progress = job.checkpoints.progress
    starts = planning.find_starts(job.broker, job.pipeline, progress, topics.input)
    ranges = plan_ranges(starts, topics.ends, job.pipeline.limits.max_records_per_batch)
    fault("after:ends_resolved")
    if total_span(ranges) == 0:
        decisions.remember_start(job, topics.input, starts)
        return None
    return steps.commit_plan(job, planning.make_plan(job.pipeline, progress, topics, ranges, now()))


def finish_batch(job: Job, plan: Plan, topics: planning.Topics, publisher: Publisher) -> Checkpoint:
    """S3 to S7 of a planned batch, new or resumed; each step finds out by itself whether it was done before."""
    take = steps_records.save_records if plan.keeps_records else steps_counts.count_records
    with step(job, plan, "records"):
        tally, add_up = take(job, plan, topics.input)
        steps_records.require_few_rejected(job, plan, tally)
    with step(job, plan, "contributions"):
        contributions = steps_averages.save_contributions(job, plan, tally.accepted, add_up)
    with step(job, plan, "averages"):
        averages = steps_averages.save_averages(job, plan, contributions)
    with step(job, plan, "publish"):
        published = steps.publish(job, plan, publisher, averages)
    done = steps.finish(job, plan, tally, published)
    log.info("done     batch %d: %s", plan.batch, steps.summary(done))
    return done


def die_with_parent() -> None:
    """Let the kernel end this driver when the JVM that started it ends: an orphan could still write and publish."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() == 1:
        leave(EXIT_TRY_AGAIN)


def stop_on_sigterm(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Turn SIGTERM into an error, so that a running transaction is aborted before the process ends."""
    raise TryAgain("stopped by SIGTERM; the next run goes on from here")


def leave(code: int) -> NoReturn:
    """End at once: neither a thread of a library nor the JVM's gateway may keep a finished job alive."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise UsageError(message)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The job's command line; `UsageError` if it is wrong."""
    parser = _Parser(prog="daily_averages.py", description="Average a Kafka topic per partition and day, exactly once.")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="pipeline file, for example conf/pipelines/daily_voltage.yaml"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="override a setting; may be repeated"
    )
    parser.add_argument("--run-id", default="by hand", help="label of this run in the checkpoints")
    parser.add_argument("--accept-loss", action="store_true", help="record that unread records are gone, and go on after them")
    parser.add_argument("--adopt-topic", action="store_true", help="read an input topic that was created anew from its start")
    parser.add_argument("--abandon", action="store_true", help="give up an unfinished batch that was not averaged yet")
    parser.add_argument(
        "--published", choices=["yes", "no"], help="say whether the unfinished batch was published, where no proof is left"
    )
    return parser.parse_args(arguments)


def request_of(arguments: argparse.Namespace) -> Request:
    """What the command line asks of this run."""
    published = None if arguments.published is None else arguments.published == "yes"
    return Request(arguments.run_id, arguments.accept_loss, arguments.adopt_topic, arguments.abandon, published)


def main(arguments: Sequence[str]) -> int:
    """Run the job; its exit code. Errors of the tree end in their sentence, others in a stack trace and code 70."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        parsed = parse_arguments(arguments)
        pipeline = load_pipeline(parsed.config, overrides=parsed.set, environment=os.environ)
        done = run(pipeline, request_of(parsed), lambda: build_session(pipeline.name))
    except (DayfoldError, *FOREIGN) as error:
        ours = error if isinstance(error, DayfoldError) else outage(error)
        if ours is None:
            raise
        print(f"dayfold: {ours}", file=sys.stderr)
        return ours.exit_code
    log.info("nothing new" if not done else "finished %d batches, up to batch %d", *([len(done), done[-1].batch] if done else []))
    return 0


if __name__ == "__main__":
    die_with_parent()
    signal.signal(signal.SIGTERM, stop_on_sigterm)
    try:
        leave(main(sys.argv[1:]))
    except Exception:
        logging.exception("unexpected error")
        leave(EXIT_UNEXPECTED)

"""The job as a process: one Kafka topic to exact daily averages, every record counted exactly once.

Submitted with `spark-submit spark_jobs/daily_averages.py --config conf/pipelines/daily_voltage.yaml`. How it starts, what ends it
and with which exit code is known here; what it does stands in `run/story.py`.
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import NoReturn

from spark_jobs.base.errors import UNEXPECTED, TryAgain, UsageError
from spark_jobs.base.log_lines import begin_log
from spark_jobs.base.outages import as_ours
from spark_jobs.base.wording import printable, printable_lines
from spark_jobs.launch.leaving import leave
from spark_jobs.launch.quick_imports import import_pyarrow
from spark_jobs.launch.session import build_session, require_names
from spark_jobs.launch.spark_environment import require_pinned_spark
from spark_jobs.pipeline.setting_notes import warn_of_settings
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

log = logging.getLogger("dayfold")

PARENT_DEATH_SIGNAL = 1


def die_with_parent() -> None:
    """Let the kernel end this driver when the JVM that started it ends: an orphan could still write and publish."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() == 1:
        leave(TryAgain.exit_code)


def stop_on_sigterm(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Turn SIGTERM into an error, so that a running transaction is aborted before the process ends."""
    raise TryAgain("stopped by SIGTERM; the next run goes on from here")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        raise UsageError(message)


def _utf8(text: str) -> str:
    """Text that can be stored: other bytes come as half characters."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{printable(text)} is not UTF-8") from error
    return text


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The job's command line; `UsageError` if it is wrong."""
    parser = _Parser(prog="daily_averages.py", description="Average a Kafka topic per partition and day, exactly once.")
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="pipeline file, for example conf/pipelines/daily_voltage.yaml"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="override a setting; may be repeated"
    )
    parser.add_argument("--run-id", type=_utf8, default="by hand", help="label of this run in the checkpoints")
    parser.add_argument("--accept-loss", action="store_true", help="record that unread records are gone, and go on after them")
    parser.add_argument("--adopt-topic", action="store_true", help="read an input topic that was created again, from its start")
    parser.add_argument(
        "--adopt-definition", action="store_true", help="record that batches from now on follow the changed settings"
    )
    parser.add_argument("--abandon", action="store_true", help="give up an unfinished batch that was not averaged yet")
    parser.add_argument(
        "--published",
        choices=["yes", "no", "rest"],
        help="say whether the unfinished batch was published, where its proof is gone or torn; rest: publish what is missing "
        "of it",
    )
    parser.add_argument("--rebuild", metavar="AGGREGATE", help="count in it the stored records of before it was declared")
    return parser.parse_args(arguments)


def run_submitted(pipeline: Pipeline, arguments: argparse.Namespace) -> None:
    """One run, as the command line asks for it."""
    require_pinned_spark(os.environ, version("pyspark"))
    require_names(pipeline.lake)
    import_pyarrow()
    from spark_jobs.run.early_session import early_session
    from spark_jobs.run.job import RunRequest
    from spark_jobs.run.spark_engine import SparkEngine
    from spark_jobs.run.story import run_pipeline

    request = RunRequest(
        arguments.run_id,
        accept_loss=arguments.accept_loss,
        adopt_topic=arguments.adopt_topic,
        adopt_definition=arguments.adopt_definition,
        abandon=arguments.abandon,
        published=arguments.published,
        rebuild=arguments.rebuild,
    )
    with early_session(pipeline, partial(build_session, pipeline.name)) as session:
        run_pipeline(pipeline, request, SparkEngine(session))


def main(arguments: Sequence[str]) -> int:
    """Run the job; its exit code. Errors of the tree end in their sentence, others in a stack trace and code 70."""
    begin_log(logging.INFO, "%(asctime)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        parsed = parse_arguments(arguments)
        pipeline = load_pipeline(parsed.config, overrides=parsed.set, environment=os.environ)
        warn_of_settings(pipeline)
        run_submitted(pipeline, parsed)
    except Exception as error:
        ours = as_ours(error)
        if ours is None:
            raise
        log.debug("the error as it was raised", exc_info=error)
        print(printable_lines(f"dayfold: {ours}"), file=sys.stderr)
        return ours.exit_code
    return 0


if __name__ == "__main__":
    die_with_parent()
    signal.signal(signal.SIGTERM, stop_on_sigterm)
    try:
        leave(main(sys.argv[1:]))
    except Exception:
        logging.exception("unexpected error")
        leave(UNEXPECTED)

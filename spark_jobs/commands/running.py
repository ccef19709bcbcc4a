"""`dayfold run` and `dayfold rebuild`: the submission of the job by hand. What the job does is known elsewhere."""

import os
import subprocess
import sys
from typing import Annotated, NoReturn

import typer

from spark_jobs.commands.command_line import Config, Overrides, by_hand, load_with_environment, say
from spark_jobs.launch.java import startable_environment
from spark_jobs.launch.submit import Submission, job_arguments, submit_command
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.outlook.rebuilding import require_declared
from spark_jobs.pipeline.setting_notes import warn_of_settings


def run_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    accept_loss: Annotated[bool, typer.Option(help="Record that unread records are gone, and go on after them.")] = False,
    adopt_topic: Annotated[bool, typer.Option(help="Read an input topic that was created again, from its start.")] = False,
    adopt_definition: Annotated[
        bool, typer.Option(help="Record that batches from now on follow the changed settings, beside the old ones.")
    ] = False,
    abandon: Annotated[bool, typer.Option(help="Give up an unfinished batch that was not averaged yet.")] = False,
    published: Annotated[
        str | None, typer.Option(metavar="yes|no|rest", help="Say whether the unfinished batch was published.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Label of this run in the checkpoints.")] = None,
) -> None:
    """Read what is new, average it, publish it: builds the spark-submit command line and follows it."""
    pipeline = load_with_environment(config, overrides)
    decided = {
        "--accept-loss": accept_loss,
        "--adopt-topic": adopt_topic,
        "--adopt-definition": adopt_definition,
        "--abandon": abandon,
    }
    flags = [flag for flag, given in decided.items() if given] + (["--published", published] if published else [])
    found = None if flags else look_ahead(pipeline, os.environ)
    if found is not None and not found.has_work(pipeline):
        warn_of_settings(pipeline)
        if found.idle_setting:
            say(found.idle_setting)
        say("nothing new")
        return
    _submit(job_arguments(config.resolve(), run_id or by_hand(), overrides, flags), found.count if found else None)


def rebuild_command(
    config: Config,
    aggregate: Annotated[str, typer.Argument(help="The aggregate, by its name in the pipeline file.")],
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    run_id: Annotated[str | None, typer.Option(help="Label of this run in the checkpoints.")] = None,
) -> None:
    """Count in an aggregate the stored records of the batches before it was declared, and publish what that changes."""
    require_declared(load_with_environment(config, overrides), aggregate)
    _submit(job_arguments(config.resolve(), run_id or by_hand(), overrides, ["--rebuild", aggregate]), None)


def _submit(arguments: list[str], offsets: int | None) -> NoReturn:
    command = submit_command(arguments, Submission(progress=sys.stderr.isatty(), offsets=offsets))
    environment = startable_environment(os.environ)
    # Spark sends the driver's log to standard output; a command that prints no result keeps it free.
    sys.exit(subprocess.call(command, env=environment, stdout=sys.stderr))

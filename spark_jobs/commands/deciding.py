"""The commands by which an operator changes what is stored, apart from runs. How it is done is known elsewhere."""

import json
import os
from typing import Annotated

import typer

from spark_jobs.base import machine
from spark_jobs.base.wording import counted
from spark_jobs.broker.publisher import REPUBLISHED
from spark_jobs.commands.command_line import AsJson, Config, Overrides, by_hand, load_with_environment, say, show
from spark_jobs.maintenance.maintain import maintain, preview_maintenance
from spark_jobs.maintenance.report import maintenance_report, maintenance_table
from spark_jobs.removal.belongings_report import belongings_notes, belongings_report, belongings_table
from spark_jobs.removal.forget import forget, look
from spark_jobs.run.republish import parse_days, republication_report, republish


def republish_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    days: Annotated[
        str | None, typer.Option(metavar="A..B", help="Only these days, for example 2026-03-01..2026-03-31; else all.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Label of this decision in the checkpoints.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish current averages again, with the same values and revisions, for a new output topic or readers that lost theirs. No Spark."""  # noqa: E501 - one line of the help
    pipeline = load_with_environment(config, overrides)
    made = republish(pipeline, run_id or by_hand(), parse_days(days) if days else None)
    report = republication_report(made)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        say(f"{counted(made.count, 'average')} published again to {made.topic}, marked {REPUBLISHED}={report[REPUBLISHED]}")


def maintain_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compact and vacuum the tables, prune old records if the settings say so; nothing that counts changes. No Spark, no broker."""  # noqa: E501 - one line of the help
    pipeline = load_with_environment(config, overrides)
    found = (preview_maintenance if dry_run else maintain)(pipeline, now=machine.now())
    show(maintenance_report(found), maintenance_table(found), as_json)


def forget_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove what only this pipeline uses: tables, files, consumer group.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List all that belongs to a pipeline, and with --yes remove what only it uses. The output topic stays. No Spark."""
    pipeline = load_with_environment(config, overrides)
    found = (forget if yes else look)(pipeline, config, os.environ)
    show(belongings_report(found, removed=yes), belongings_table(found, removed=yes), as_json)
    for note in () if as_json else belongings_notes(found):
        say(note)

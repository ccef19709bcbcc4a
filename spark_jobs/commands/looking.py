"""The commands that ask and change nothing: what comes next, where a pipeline stands, what was.
How it is found out is known elsewhere.
"""

import os
import sys
from functools import partial
from typing import Annotated

import typer

from spark_jobs.answers import reports
from spark_jobs.answers.batch_reports import history_report, history_table, rejected_report, rejected_table
from spark_jobs.answers.past import read_decided, read_history, read_rejected
from spark_jobs.answers.status import read_status
from spark_jobs.audit.reconcile import audit
from spark_jobs.audit.report import audit_report, audit_sentences, audit_table
from spark_jobs.base import machine
from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.beginning.sample import LARGEST_SAMPLE, sample_next, sample_notes, sample_report, sample_table
from spark_jobs.broker.cluster import connect_by
from spark_jobs.commands.command_line import AsJson, Config, Overrides, load_with_environment, require_none, say, show
from spark_jobs.outlook.lookahead import expiring_certificates, look_ahead
from spark_jobs.outlook.machine_notes import machine_notes
from spark_jobs.outlook.permissions import acl_lines_of
from spark_jobs.pipeline.setting_notes import notes_on, warn_of_settings

Limit = Annotated[int, typer.Option("--limit", metavar="COUNT", min=1, help="Show at most so many, the newest.")]

SHOWN = 20


def plan_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    sample: Annotated[
        int | None,
        typer.Option(metavar="COUNT", min=1, max=LARGEST_SAMPLE, help="Read so many messages; say what becomes of each."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next run would read, per partition. Writes nothing, starts no Spark."""
    pipeline = load_with_environment(config, overrides)
    warn_of_settings(pipeline)
    found = look_ahead(pipeline, os.environ)
    taken = sample_next(pipeline, os.environ, found, sample) if sample else None
    idle = [found.idle_setting] if found.idle_setting else []
    notes = [*notes_on(pipeline), *idle, *found.notes, *machine_notes(pipeline, os.environ)]
    report = {**reports.plan_report(found), "notes": [*notes, *(sample_notes(taken) if taken else ())]}
    show({**report, **({"sample": sample_report(taken)} if taken else {})}, reports.plan_table(pipeline.name, found), as_json)
    if taken and not as_json:
        show({}, partial(sample_table, pipeline.name, taken), as_json)
    for note in () if as_json else report["notes"]:
        say(note)
    require_none([str(problem) for problem in found.problems])


def status_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    fail_under: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Exit with 65 if unread records expire within so many hours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show checkpoint, consumer group and topic side by side: the lag, what expires when, which of them is wrong. No Spark."""
    pipeline = load_with_environment(config, overrides)
    warn_of_settings(pipeline)
    now = machine.now()
    with connect_by(pipeline.kafka, os.environ) as broker:
        status = read_status(broker, pipeline, now=now)
    expiring = expiring_certificates(pipeline, os.environ, now)
    show({**reports.status_report(status), "certificates": expiring}, reports.status_table(status), as_json)
    for note in () if as_json else (*reports.status_notes(status), *expiring):
        say(note)
    require_none([*map(str, status.problems), *(status.expiring_within(fail_under) if fail_under is not None else ())])


def audit_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every row of records, and the input topic where it holds them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that every record counts exactly once: checkpoints, tables, output topic and group against one another. No Spark."""
    pipeline = load_with_environment(config, overrides)
    with connect_by(pipeline.kafka, os.environ) as broker:
        found = audit(broker, pipeline, deep=deep)
    show(audit_report(found), audit_table(found), as_json)
    for sentence in () if as_json else audit_sentences(found):
        say(sentence)
    if found.differences:
        sys.exit(DecisionNeeded.exit_code)


def losses_command(config: Config, overrides: Overrides = [], as_json: AsJson = False) -> None:  # noqa: B006
    """List what operators decided: losses accepted, topics and settings adopted, averages published again; when, by whom. No Spark, no broker."""  # noqa: E501 - one line of the help
    pipeline = load_with_environment(config, overrides)
    entries, decisions = read_decided(pipeline)
    show(reports.losses_report(entries, decisions), partial(reports.losses_table, pipeline.name, entries), as_json)
    if decisions and not as_json:
        show({}, reports.decisions_table(pipeline.name, decisions), as_json)


def history_command(config: Config, overrides: Overrides = [], limit: Limit = SHOWN, as_json: AsJson = False) -> None:  # noqa: B006
    """List the batches, the newest first: state, who, when, what they read and what was decided about them. No Spark, no broker."""  # noqa: E501 - one line of the help
    pipeline = load_with_environment(config, overrides)
    batches = read_history(pipeline)
    newest = batches[::-1][:limit]
    show(history_report(newest), partial(history_table, pipeline.name, newest, len(batches)), as_json)


def rejected_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    limit: Limit = SHOWN,
    batch: Annotated[int | None, typer.Option(min=1, help="Only messages that this batch read.")] = None,
    as_json: AsJson = False,
) -> None:
    """List rejected messages, the newest first: where they stand, why, what was expected, how they begin. No Spark, no broker."""
    pipeline = load_with_environment(config, overrides)
    found, messages, rules = read_rejected(pipeline, limit, batch)
    table = partial(rejected_table, pipeline.name, found, messages, rules)
    show(rejected_report(found, messages, rules), table, as_json)


def acls_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    principal: Annotated[
        str | None, typer.Option(metavar="User:NAME", help="Whom the permissions are for; that of the Kafka properties file.")
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="With that for `dayfold topic create`.")] = False,
) -> None:
    """Print the Kafka permissions that the pipeline needs, as command lines of kafka-acls.sh. No Spark, no broker."""
    pipeline = load_with_environment(config, overrides)
    for line in acl_lines_of(pipeline, os.environ, principal, creating=create):
        typer.echo(line)

"""The `dayfold` command: arguments in, text or JSON out. How anything is done is known elsewhere."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, NoReturn

import typer

from spark_jobs.access import tls_files
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.answers import reports
from spark_jobs.answers.batch_reports import history_report, history_table, rejected_report, rejected_table
from spark_jobs.answers.status import read_status
from spark_jobs.audit.reconcile import audit
from spark_jobs.audit.report import audit_report, audit_sentences, audit_table
from spark_jobs.base.errors import UNEXPECTED, DecisionNeeded, UsageError
from spark_jobs.base.log_lines import begin_log
from spark_jobs.base.outages import as_ours
from spark_jobs.base.wording import counted
from spark_jobs.beginning.sample import LARGEST_SAMPLE, sample_next, sample_notes, sample_report, sample_table
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.permissions import acl_lines
from spark_jobs.broker.publisher import REPUBLISHED
from spark_jobs.commands import begin as begin_commands
from spark_jobs.commands import broker as broker_commands
from spark_jobs.commands.command_line import AsJson, Config, Overrides, by_hand, complain, load, require_none, say, show
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rejected import rejected_messages, rejections_of, rules_of
from spark_jobs.lake.tables import Lake
from spark_jobs.launch.java import startable_environment
from spark_jobs.launch.submit import Submission, job_arguments, submit_command
from spark_jobs.maintenance.maintain import maintain, preview
from spark_jobs.maintenance.report import maintenance_report, maintenance_table
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.outlook.machine_notes import machine_notes
from spark_jobs.pipeline.setting_notes import notes_on, warn_of_settings
from spark_jobs.progress.history import history_in
from spark_jobs.progress.losses import decisions_in, losses_in
from spark_jobs.removal.belongings_report import belongings_notes, belongings_report, belongings_table
from spark_jobs.removal.forget import forget, look
from spark_jobs.run.republish import parse_days, republication_report, republish

app = typer.Typer(
    name="dayfold",
    help="Exact daily averages of a Kafka topic, every record counted exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(broker_commands.app, name="broker")
app.add_typer(begin_commands.topic_app, name="topic")
app.command("init")(begin_commands.init_command)

Limit = Annotated[int, typer.Option("--limit", metavar="COUNT", min=1, help="Show at most so many, the newest.")]

SHOWN = 20


@app.command("run")
def run_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006 - typer copies it
    accept_loss: Annotated[bool, typer.Option(help="Record that unread records are gone, and go on after them.")] = False,
    adopt_topic: Annotated[bool, typer.Option(help="Read an input topic that was created anew from its start.")] = False,
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
    pipeline = load(config, overrides)
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
    label = run_id or by_hand()
    submission = Submission(progress=sys.stderr.isatty(), offsets=found.count if found else None)
    command = submit_command(job_arguments(config.resolve(), label, overrides, flags), submission)
    environment = startable_environment(os.environ)
    # Spark sends the driver's log to standard output; a command that prints no result keeps it free.
    sys.exit(subprocess.call(command, env=environment, stdout=sys.stderr))


@app.command("plan")
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
    pipeline = load(config, overrides)
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


@app.command("status")
def status_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    fail_under: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Exit with 65 if unread records expire within so many hours.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show checkpoint, consumer group and topic side by side: the lag, what expires when, which of them is wrong. No Spark."""
    pipeline = load(config, overrides)
    warn_of_settings(pipeline)
    kafka, now = load_kafka_settings(pipeline.kafka, os.environ), datetime.now(UTC)
    with connect(kafka) as broker:
        status = read_status(broker, pipeline, now=now)
    expiring = list(tls_files.expiring(kafka, now))
    show({**reports.status_report(status), "certificates": expiring}, reports.status_table(status), as_json)
    for note in () if as_json else (*reports.status_notes(status), *expiring):
        say(note)
    require_none([*map(str, status.problems), *(status.expiring_within(fail_under) if fail_under is not None else ())])


@app.command("audit")
def audit_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every row of records, and the input topic where it holds them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that every record counts exactly once: checkpoints, tables, output topic and group against one another. No Spark."""
    pipeline = load(config, overrides)
    with connect(load_kafka_settings(pipeline.kafka, os.environ)) as broker:
        found = audit(broker, pipeline, deep=deep)
    show(audit_report(found), audit_table(found), as_json)
    for sentence in () if as_json else audit_sentences(found):
        say(sentence)
    if found.differences:
        sys.exit(DecisionNeeded.exit_code)


@app.command("losses")
def losses_command(config: Config, overrides: Overrides = [], as_json: AsJson = False) -> None:  # noqa: B006
    """List what operators decided: losses accepted, topics and settings adopted, averages published again; when, by whom. No Spark, no broker."""
    pipeline = load(config, overrides)
    rows = CheckpointLog(Lake(pipeline.lake, pipeline.name)).rows
    entries, decisions = losses_in(rows), decisions_in(rows)
    show(reports.losses_report(entries, decisions), partial(reports.losses_table, pipeline.name, entries), as_json)
    if decisions and not as_json:
        show({}, reports.decisions_table(pipeline.name, decisions), as_json)


@app.command("republish")
def republish_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    days: Annotated[
        str | None, typer.Option(metavar="A..B", help="Only these days, for example 2026-03-01..2026-03-31; else all.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Label of this decision in the checkpoints.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish current averages again, with the same values and revisions, for a new output topic or readers that lost theirs. No Spark."""
    pipeline = load(config, overrides)
    made = republish(pipeline, run_id or by_hand(), parse_days(days) if days else None)
    report = republication_report(made)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        say(f"{counted(made.count, 'average')} published again to {made.topic}, marked {REPUBLISHED}={report[REPUBLISHED]}")


@app.command("history")
def history_command(config: Config, overrides: Overrides = [], limit: Limit = SHOWN, as_json: AsJson = False) -> None:  # noqa: B006
    """List the batches, the newest first: state, who, when, what they read and what was decided about them. No Spark, no broker."""
    pipeline = load(config, overrides)
    batches = history_in(CheckpointLog(Lake(pipeline.lake, pipeline.name)).rows)
    newest = batches[::-1][:limit]
    show(history_report(newest), partial(history_table, pipeline.name, newest, len(batches)), as_json)


@app.command("rejected")
def rejected_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    limit: Limit = SHOWN,
    batch: Annotated[int | None, typer.Option(min=1, help="Only messages that this batch read.")] = None,
    as_json: AsJson = False,
) -> None:
    """List rejected messages, the newest first: where they stand, why, what was expected, how they begin. No Spark, no broker."""
    pipeline = load(config, overrides)
    lake = Lake(pipeline.lake, pipeline.name)
    found, messages = rejections_of(lake), rejected_messages(lake, limit, batch)
    rules = rules_of(CheckpointLog(lake).rows, {one.batch for one in messages})
    table = partial(rejected_table, pipeline.name, found, messages, rules)
    show(rejected_report(found, messages, rules), table, as_json)


@app.command("maintain")
def maintain_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compact and vacuum the tables, prune old records if the settings say so; nothing that counts changes. No Spark, no broker."""
    pipeline = load(config, overrides)
    found = (preview if dry_run else maintain)(pipeline, now=datetime.now(UTC))
    show(maintenance_report(found), maintenance_table(found), as_json)


@app.command("forget")
def forget_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove what only this pipeline uses: tables, files, consumer group.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List all that belongs to a pipeline, and with --yes remove what only it uses. The output topic stays. No Spark."""
    pipeline = load(config, overrides)
    found = (forget if yes else look)(pipeline, config, os.environ)
    show(belongings_report(found, removed=yes), belongings_table(found, removed=yes), as_json)
    for note in () if as_json else belongings_notes(found):
        say(note)


@app.command("acls")
def acls_command(
    config: Config,
    overrides: Overrides = [],  # noqa: B006
    principal: Annotated[
        str | None, typer.Option(metavar="User:NAME", help="Whom the permissions are for; that of the Kafka properties file.")
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="With that for `dayfold topic create`.")] = False,
) -> None:
    """Print the Kafka permissions that the pipeline needs, as command lines of kafka-acls.sh. No Spark, no broker."""
    pipeline = load(config, overrides)
    kafka = load_kafka_settings(pipeline.kafka, os.environ)
    for line in acl_lines(pipeline, kafka.servers, principal or kafka.principal, creating=create):
        typer.echo(line)


@app.command("demo")
def demo_command() -> None:
    """Run the whole thing on four years of real readings: embedded Kafka, Airflow, Spark, Delta."""
    from spark_jobs.local import demo

    demo.run_demo()


@app.command("airflow")
def airflow_command(
    port: Annotated[int | None, typer.Option(help="Of the web UI; the usual 8080, or a free one, if none is given.")] = None,
) -> None:
    """Run a whole Airflow on this machine until Ctrl-C: web UI, scheduler, the embedded Kafka, the demo's tables. No Docker."""
    from spark_jobs.local import serving

    serving.serve_airflow(port=port)


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Errors of the tree end in their sentence and their exit code, wrong arguments in 64, defects in their stack trace and 70."""
    try:
        yield
    except Exception as error:
        ours = as_ours(error)
        if ours is None:
            logging.exception("unexpected error")
            sys.exit(UNEXPECTED)
        complain(ours)
        sys.exit(ours.exit_code)
    except SystemExit as ending:
        # What a command line parser conventionally ends with when the arguments are wrong.
        sys.exit(UsageError.exit_code if ending.code == 2 else ending.code)


def main() -> NoReturn:
    """Entry point of the console script."""
    begin_log(logging.WARNING, "%(message)s")
    with _exit_codes():
        app()
    sys.exit(0)

"""The `dayfold` command: a door. It knows the commands' names, and the exit code of what they raise;
each command is in `commands/`.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from spark_jobs.base.errors import UNEXPECTED, UsageError
from spark_jobs.base.log_lines import begin_log
from spark_jobs.base.outages import as_ours
from spark_jobs.commands import begin, broker, deciding, looking, running, showing
from spark_jobs.commands.command_line import complain

app = typer.Typer(
    name="dayfold",
    help="Exact daily averages of a Kafka topic, every record counted exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
# In the order in which the help shows them.
app.command("init")(begin.init_command)
app.command("run")(running.run_command)
app.command("rebuild")(running.rebuild_command)
app.command("plan")(looking.plan_command)
app.command("status")(looking.status_command)
app.command("audit")(looking.audit_command)
app.command("losses")(looking.losses_command)
app.command("republish")(deciding.republish_command)
app.command("history")(looking.history_command)
app.command("rejected")(looking.rejected_command)
app.command("maintain")(deciding.maintain_command)
app.command("forget")(deciding.forget_command)
app.command("acls")(looking.acls_command)
app.command("demo")(showing.demo_command)
app.command("airflow")(showing.airflow_command)
app.add_typer(broker.app, name="broker")
app.add_typer(begin.topic_app, name="topic")


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Errors of the tree end in their sentence and their exit code, wrong arguments in 64,
    defects in their stack trace and 70.
    """
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

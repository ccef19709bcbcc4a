"""A table in a task's log, one log line for each of its lines."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

log = logging.getLogger("dayfold")


def log_table(table: "Group") -> None:
    """Log a table as a terminal of 120 characters would show it, without colours."""
    from spark_jobs.base.plain_tables import plain_console

    console = plain_console(120, colours=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        log.info(line.rstrip())

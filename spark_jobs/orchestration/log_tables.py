"""A table in a task's log, one log line for each of its lines."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

log = logging.getLogger("dayfold")


NARROW, WIDE = 120, 400
"""A log scrolls sideways, so a table gets the width that it needs, but a text of a page does not."""


def log_table(table: "Group") -> None:
    """Log a table as a wide terminal would show it, without colours."""
    from rich.measure import Measurement

    from spark_jobs.base.plain_tables import plain_console

    needed = Measurement.get(wide := plain_console(WIDE, colours=False), wide.options, table).maximum
    console = plain_console(max(NARROW, needed), colours=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        log.info(line.rstrip())

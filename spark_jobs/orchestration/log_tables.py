"""A table in a task's log, one log line for each of its lines."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

log = logging.getLogger("dayfold")


def log_table(table: "Table") -> None:
    """Log a table as a terminal of 120 signs would show it, without colours."""
    from rich.console import Console

    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        log.info(line.rstrip())

"""The log of a process of ours, on its standard error: one message a line, whatever somebody else wrote into it."""

import logging
import sys

from spark_jobs.base.wording import printable_lines


class PlainLines(logging.Formatter):
    """Formats as usual, and then lets nothing of a message or a stack trace pass for another line, or colour it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def begin_log(level: int, form: str) -> None:
    """Write messages from this level on in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines(form, datefmt="%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler])

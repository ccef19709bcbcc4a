"""What may go and when: which batches' records, and how old a file must be that no table needs any more.

Plain Python; knows no table and no clock.
"""

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import takewhile

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.settings import MIN_VACUUM_HOURS
from spark_jobs.progress.ledger import Done, LedgerRow, done_rows

RETENTION = "delta.deletedFileRetentionDuration"
_HOURS = {"week": 168.0, "day": 24.0, "hour": 1.0, "minute": 1 / 60, "second": 1 / 3600}


def last_prunable(rows: Iterable[LedgerRow], keep_days: int | None, now: datetime) -> Done | None:
    """The DONE row of the last batch whose records may go: it and all before it were done at least `keep_days` ago.

    Never the newest finished batch, by which every run sees that the tables are whole, and never an unfinished one. None if
    nothing may go, or if all is kept (`keep_days` is None).
    """
    if keep_days is None:
        return None
    done = done_rows(rows)[:-1]
    old = list(takewhile(lambda row: row.at <= now - timedelta(days=keep_days), done))
    return old[-1] if old else None


def vacuum_hours(configured: int, table_property: str | None) -> int:
    """The longest of what is configured, what the table's own property says, and a week.

    >>> vacuum_hours(24, None), vacuum_hours(200, "interval 1 hours"), vacuum_hours(168, "interval 30 days")
    (168, 200, 720)
    """
    return max(MIN_VACUUM_HOURS, configured, _hours_of(table_property) if table_property else 0)


def _hours_of(interval: str) -> int:
    """Rounded up to whole hours; `ConfigurationError` if it is no interval that is understood."""
    match = re.fullmatch(r"(?:interval )?(\d+) (week|day|hour|minute|second)s?", interval.strip().lower())
    if match is None:
        raise ConfigurationError(
            f"a table's property {RETENTION} is {interval!r}, which is not of the form 'interval 7 days'; correct it in Spark: "
            "ALTER TABLE ... SET TBLPROPERTIES"
        )
    return math.ceil(int(match[1]) * _HOURS[match[2]])

"""The message that a total is published as: key, value and headers (docs/messages.md). Sends nothing."""

import json
from decimal import Decimal

from spark_jobs.aggregates.aggregate import BATCH, REVISION
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE, place_of
from spark_jobs.aggregates.measures import Row
from spark_jobs.broker.publisher import OutputRecord


def output_record(row: Row, *, pipeline: str, value_field: str) -> OutputRecord:
    """The message for one row of `daily_averages`."""
    (result,), window = DAILY_AVERAGE.results, DAILY_AVERAGE.window
    partition, key = place_of(row)
    headers = {"pipeline": pipeline, BATCH: row[BATCH], REVISION: row[REVISION], "count": DAILY_AVERAGE.readings(row)}
    return OutputRecord(
        partition=partition,
        key=key,
        value=f'{{"{window.column}": "{key.decode()}", {json.dumps(value_field)}: {json_number(row[result.column])}}}'.encode(),
        headers=tuple((name, str(value).encode()) for name, value in headers.items()),
    )


def json_number(value: Decimal) -> str:
    """A JSON number without exponent and trailing zeros.

    >>> json_number(Decimal("239.940000")), json_number(Decimal("100.000000")), json_number(Decimal("-0.000000"))
    ('239.94', '100', '0')
    """
    return format((value + 0).normalize(), "f")

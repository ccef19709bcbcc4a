"""Averaging: records to contributions (Spark, frame in and frame out), contributions to daily averages (Arrow, no JVM).

Sums are exact decimals and counts are whole numbers, so the result is the same bit for bit however the records were cut into
batches. The one division is made here, at the very end. Where anything is stored is not known here.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from spark_jobs.pipeline.schemas import SCHEMAS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_SIX_PLACES = Decimal("0.000001")
_EXACT = Context(prec=60)


def contributions_of(records: "DataFrame") -> "DataFrame":
    """What accepted records add, one row per batch, partition and date.

    In: `batch, partition, date, value, rejected_because`, one row per record. Out: the columns of `contributions`; rejected
    records add nothing, not even a row.
    """
    from pyspark.sql import functions as F

    accepted = records.where(F.col("rejected_because").isNull())
    return accepted.groupBy("batch", "partition", "date").agg(*_sums())


def sums_of(records: "DataFrame") -> "DataFrame":
    """The same in one pass with the counts of all records, one row per batch, partition and date; of rejected ones `date` is null.

    In: the columns of `records`. Out: the columns of `contributions`, which are null or 0 for rejected records, and of all records
    `read` and `rounded` as counts, `first` and `last` as offsets.
    """
    from pyspark.sql import functions as F

    return records.groupBy("batch", "partition", "date").agg(
        *_sums(),
        F.count(F.lit(1)).alias("read"),
        F.count("rounded_from").alias("rounded"),
        F.min("offset").alias("first"),
        F.max("offset").alias("last"),
    )


def _sums() -> "list[Column]":
    from pyspark.sql import functions as F

    return [
        _exact_sum("value").alias("value_sum"),
        F.count("value").alias("value_count"),
        F.min("value").alias("value_min"),
        F.max("value").alias("value_max"),
    ]


def _exact_sum(column: str) -> "Column":
    """Of a `decimal(18,6)`, as `decimal(38,6)`: a sum of millions, one of what is left of the whole part and one of the fraction.

    Spark adds up each of them as a long, and longer decimals as objects. 10^12 records of a partition and day fit into one batch; more
    would be an error, never a wrong sum.
    """
    from pyspark.sql import functions as F

    whole = f"cast({column} AS bigint)"
    fraction = f"cast({column} - cast({whole} AS decimal(18,6)) AS decimal(8,6))"
    millions, units, fractions = (F.sum(F.expr(part)) for part in (f"{whole} div 1000000", f"{whole} % 1000000", fraction))
    return (millions * F.lit(Decimal(1_000_000)) + units + fractions).cast("decimal(38,6)")


def daily_averages_of(contributions: pa.Table, *, batch: int, revisions_after: int = 0) -> pa.Table:
    """The daily averages that these contributions add up to, as of `batch`, one row per partition and date.

    `value_sum` and `value_count` are exact; `average` is their quotient in the value's unit, rounded half up to six places.
    `revision` is that of a day's first publication.
    """
    totals = contributions.group_by(["partition", "date"], use_threads=False).aggregate(
        [("value_sum", "sum"), ("value_count", "sum"), ("value_min", "min"), ("value_max", "max")]
    )
    sums, counts = totals["value_sum_sum"].to_pylist(), totals["value_count_sum"].to_pylist()
    return pa.table(
        {
            "partition": totals["partition"],
            "date": totals["date"],
            "value_sum": totals["value_sum_sum"],
            "value_count": totals["value_count_sum"],
            "value_min": totals["value_min_min"],
            "value_max": totals["value_max_max"],
            "average": [average(total, count) for total, count in zip(sums, counts, strict=True)],
            "revision": [revisions_after + 1] * totals.num_rows,
            "batch": [batch] * totals.num_rows,
        },
        schema=SCHEMAS["daily_averages"],
    )


def average(value_sum: Decimal, value_count: int) -> Decimal:
    """Quotient rounded half up, away from zero, to six places.

    >>> average(Decimal("0.000001"), 2)
    Decimal('0.000001')
    >>> average(Decimal("-10"), 4)
    Decimal('-2.500000')
    """
    # Whole-number arithmetic: a decimal quotient of 60 digits, rounded again, could be rounded twice.
    millionths = int(value_sum.scaleb(6, _EXACT))
    quotient, remainder = divmod(abs(millionths), value_count)
    rounded = quotient + (1 if 2 * remainder >= value_count else 0)
    return Decimal(rounded if millionths >= 0 else -rounded).scaleb(-6, _EXACT).quantize(_SIX_PLACES, ROUND_HALF_UP, _EXACT)

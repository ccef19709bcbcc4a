"""Adding up: accepted records to contributions, in Spark, frame in and frame out.

Sums are exact decimals and counts are whole numbers, so the result is the same bit for bit however the records were cut into
batches. What is summed up is the aggregate's to say; where anything is stored is not known here.
"""

from typing import TYPE_CHECKING

from spark_jobs.aggregates.aggregate import Aggregate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def contributions_of(records: "DataFrame", aggregate: Aggregate) -> "DataFrame":
    """What accepted records add, one row per batch and group.

    In: the columns of `records`, one row per record. Out: the columns of `contributions`; rejected records add nothing, not even
    a row.
    """
    return aggregate.add_up(accepted(records))


def accepted(records: "DataFrame") -> "DataFrame":
    """The records that count: neither rejected nor filtered."""
    from pyspark.sql import functions as F

    counts = F.col("rejected_because").isNull()
    if "filtered" in records.columns:
        counts &= ~F.col("filtered")
    return records.where(counts)


def sums_of(records: "DataFrame", aggregate: Aggregate) -> "DataFrame":
    """The same in one pass with the counts of all records; of rejected ones the window is null.

    In: the columns of `records`. Out: the columns of `contributions`, which are null or 0 for rejected records, and of all
    records `read` and `rounded` as counts, `first` and `last` as offsets.
    """
    from pyspark.sql import functions as F

    return aggregate.add_up(
        records,
        F.count(F.lit(1)).alias("read"),
        F.count("rounded_from").alias("rounded"),
        F.min("offset").alias("first"),
        F.max("offset").alias("last"),
    )

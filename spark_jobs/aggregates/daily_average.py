"""The aggregate of every pipeline so far: one value's daily average for each Kafka partition, with sum,
count, lowest and highest.
"""

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, Dimension, Window
from spark_jobs.aggregates.measures import Average, Count, Highest, Lowest, Row, Sum

PARTITION, DAY = Dimension("partition", pa.int32()), Window("date", pa.date32())

SUM, COUNT, LOWEST, HIGHEST = Sum("value"), Count("value"), Lowest("value"), Highest("value")

DAILY_AVERAGE = Aggregate(
    dimensions=(PARTITION,),
    window=DAY,
    count=COUNT,
    states=(SUM, COUNT, LOWEST, HIGHEST),
    results=(Average(SUM, COUNT),),
)


def place_of(row: Row) -> tuple[int, bytes]:
    """The partition and the key of the message for a row of a group."""
    return row[PARTITION.column], DAY.text(row[DAY.column]).encode()

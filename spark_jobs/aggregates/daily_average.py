"""The aggregate of every pipeline so far: one value's daily average for each Kafka partition, with sum,
count, lowest and highest.
"""

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, Dimension, Window
from spark_jobs.aggregates.measures import VALUE, Average, Count, Counted, Highest, Lowest, Row, Sum

PARTITION, DAY = Dimension("partition", pa.int32()), Window("date", pa.date32())

READING = Counted("value")
SUM, COUNT = Sum("value_sum", READING, VALUE.scale), Count("value_count", READING)
LOWEST, HIGHEST = Lowest("value_min", READING, VALUE), Highest("value_max", READING, VALUE)

DAILY_AVERAGE = Aggregate(
    dimensions=(PARTITION,),
    window=DAY,
    count=COUNT,
    states=(SUM, COUNT, LOWEST, HIGHEST),
    results=(Average("average", SUM, COUNT, VALUE),),
)


def place_of(row: Row) -> tuple[int, bytes]:
    """The partition and the key of the message for a row of a group."""
    return row[PARTITION.column], DAY.text(row[DAY.column]).encode()

"""The aggregate of every pipeline so far: one value's daily average for each Kafka partition, with sum,
count, lowest and highest.
"""

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, Dimension, Measure
from spark_jobs.aggregates.measures import VALUE, Average, Count, Counted, Highest, Lowest, Row, Sum
from spark_jobs.aggregates.windows import Window

PARTITION, DAY = Dimension("partition", pa.int32()), Window("day")

READING = Counted("value")
SUM, COUNT = Sum("value_sum", READING, VALUE.scale), Count("value_count", READING)
LOWEST, HIGHEST = Lowest("value_min", READING, VALUE), Highest("value_max", READING, VALUE)

AVERAGE = Average("average", SUM, COUNT, VALUE)

DAILY_AVERAGE = Aggregate(
    name="daily_averages",
    keys=(PARTITION, DAY),
    count=COUNT,
    measures=(
        Measure(
            states=(SUM, COUNT, LOWEST, HIGHEST),
            results=(AVERAGE,),
            shown=("value_sum", "value_count", "value_min", "value_max", "average"),
        ),
    ),
)


def place_of(row: Row) -> tuple[int, bytes]:
    """The partition and the key of the message for a row of a group."""
    return row[PARTITION.column], DAY.text(row[DAY.column]).encode()

"""The aggregate of every pipeline so far: one value's daily average for each Kafka partition, with sum,
count, lowest and highest.
"""

import pyarrow as pa

from spark_jobs.aggregates.aggregate import Aggregate, Measure
from spark_jobs.aggregates.grouping import Dimension
from spark_jobs.aggregates.results import Average
from spark_jobs.aggregates.states import VALUE, Count, Counted, Extreme, Sum
from spark_jobs.aggregates.windows import Window

PARTITION, DAY = Dimension("partition", pa.int32()), Window("day")

READING = Counted("value")
SUM, COUNT = Sum("value_sum", READING, VALUE.scale), Count("value_count", READING)
LOWEST, HIGHEST = Extreme("value_min", READING, VALUE, "min"), Extreme("value_max", READING, VALUE, "max")

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
    is_declared=False,
)

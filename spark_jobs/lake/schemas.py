"""The four tables of a pipeline: their names and columns."""

from collections.abc import Mapping

import pyarrow as pa

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.measures import VALUE

CHECKPOINTS, RECORDS, CONTRIBUTIONS, DAILY_AVERAGES = "checkpoints", "records", "contributions", "daily_averages"

_INSTANT = pa.timestamp("us", tz="UTC")
_RANGE = pa.struct([("partition", pa.int32()), ("start", pa.int64()), ("end", pa.int64())])
_COUNTS = pa.struct(
    [("partition", pa.int32()), ("read", pa.int64()), ("accepted", pa.int64()), ("rejected", pa.int64()), ("gaps", pa.int64())]
)

SCHEMAS: Mapping[str, pa.Schema] = {
    CHECKPOINTS: pa.schema(
        [
            pa.field("sequence", pa.int64(), nullable=False),
            pa.field("batch", pa.int64(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            ("run_id", pa.string()),
            pa.field("at", _INSTANT, nullable=False),
            ("topic_id", pa.string()),
            ("ranges", pa.list_(_RANGE)),
            ("counts", pa.list_(_COUNTS)),
            ("details", pa.string()),
        ]
    ),
    RECORDS: pa.schema(
        [
            ("partition", pa.int32()),
            ("offset", pa.int64()),
            ("kafka_timestamp", _INSTANT),
            ("key", pa.binary()),
            ("event_time", _INSTANT),
            ("date", pa.date32()),
            ("value", VALUE),
            ("rounded_from", pa.string()),
            ("rejected_because", pa.string()),
            ("raw", pa.binary()),
            ("batch", pa.int64()),
        ]
    ),
    CONTRIBUTIONS: DAILY_AVERAGE.contributions,
    DAILY_AVERAGES: DAILY_AVERAGE.totals,
}

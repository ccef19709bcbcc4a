"""The four tables of a pipeline: their names and columns."""

from collections.abc import Mapping

import pyarrow as pa

CHECKPOINTS, RECORDS, CONTRIBUTIONS, DAILY_AVERAGES = "checkpoints", "records", "contributions", "daily_averages"

_INSTANT = pa.timestamp("us", tz="UTC")
_VALUE, _SUM = pa.decimal128(18, 6), pa.decimal128(38, 6)
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
            ("value", _VALUE),
            ("rounded_from", pa.string()),
            ("rejected_because", pa.string()),
            ("raw", pa.binary()),
            ("batch", pa.int64()),
        ]
    ),
    CONTRIBUTIONS: pa.schema(
        [
            ("batch", pa.int64()),
            ("partition", pa.int32()),
            ("date", pa.date32()),
            ("value_sum", _SUM),
            ("value_count", pa.int64()),
            ("value_min", _VALUE),
            ("value_max", _VALUE),
        ]
    ),
    DAILY_AVERAGES: pa.schema(
        [
            ("partition", pa.int32()),
            ("date", pa.date32()),
            ("value_sum", _SUM),
            ("value_count", pa.int64()),
            ("value_min", _VALUE),
            ("value_max", _VALUE),
            ("average", _VALUE),
            ("revision", pa.int64()),
            ("batch", pa.int64()),
        ]
    ),
}

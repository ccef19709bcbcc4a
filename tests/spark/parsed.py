"""What Spark makes of messages, as the cases say it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.readings.records import records_of
from tests.message_cases import NONCE, Expected, plain

KAFKA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
ARRIVED = datetime(2024, 5, 6, 7, 8, 9, 123456)


def parsed(spark: SparkSession, messages: Iterable[bytes | None], rules: ParsingRules) -> list[Expected]:
    rows = [(b"k", message, "t", 3, offset, ARRIVED, 0) for offset, message in enumerate(messages)]
    records = records_of(spark.createDataFrame(rows, KAFKA), rules=rules, batch=7, nonce=NONCE)
    shown = records.select(
        "offset",
        F.col("event_time").cast("string"),
        F.col("date").cast("string"),
        F.col("value").cast("string"),
        "rounded_from",
        "rejected_because",
        "raw",
    )
    return [outcome(*row[1:-1], raw=row[-1], message=rows[row[0]][1]) for row in sorted(shown.collect())]


def outcome(*fields: str | None, raw: Any, message: bytes | None) -> Expected:
    *reading, reason = fields
    if reason is None:
        assert raw is None
        return (*reading[:2], plain(Decimal(reading[2] or "nan")), reading[3])
    assert reading == [None] * 4
    assert (raw if raw is None else bytes(raw)) == message
    return (reason,)


def assert_parsed(spark: SparkSession, cases: Mapping[Any, Expected], rules: ParsingRules) -> None:
    pairs = list(cases.items())
    found = parsed(spark, [message for message, _ in pairs], rules)
    differences = [
        f"{(message or b'null')[:120]!r}\n    expected {expected}\n    found    {actual}"
        for (message, expected), actual in zip(pairs, found, strict=True)
        if expected != actual
    ]
    assert not differences, f"{len(differences)} of {len(pairs)} messages differ:\n" + "\n".join(differences)

"""Kafka messages to records with declared fields: each is accepted, filtered or rejected with its first reason, never an error.

The rules are those that `field_values.py` has in plain Python; tests hold both against each other. Only built-in expressions, all
of which yield null instead of an error. Expects the session's time zone to be UTC.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.record_rules import ExpressionRule, RecordRules
from spark_jobs.pipeline.rules import DeclaredRules, TimeRules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.event_times import constant, with_event_time, with_matched_time
from spark_jobs.readings.field_columns import REASON, ROUNDED, VALUE, with_field
from spark_jobs.readings.field_values import FieldProblem
from spark_jobs.readings.json_fields import kafka_timestamp, time_text, with_json_fields
from spark_jobs.readings.message_formats import Rejection
from spark_jobs.readings.shape_columns import SHAPE_TIME, with_shapes
from spark_jobs.readings.shapes import USUAL

_OWN = {"timestamp": "_timestamp", "key": "_key", "raw": "_raw", "syntax": "_syntax", "time_reason": "_time_reason"}
"""What is known of a message besides its fields, under names that no field can have."""


def declared_records_of(
    messages: DataFrame, *, rules: DeclaredRules, batch: int, nonce: str, shapes: Sequence[str] = ()
) -> DataFrame:
    """One record per message: its place, its time, its fields and derived fields, and what became of it.

    Takes Kafka's columns key, value, partition, offset, timestamp and headers. Where `rejected_because` is set, all that was read
    is null and `raw` has the message; elsewhere `filtered` says whether it counts in no aggregate. `rounded_from` names each
    number that was rounded, as it was written. The shapes that messages are known to have decide only how fast that is found out.
    """
    records = rules.records
    names = {"_json_time": rules.time_field, **{f"json_{one.name}": one.place for one in records.fields if one.source == "json"}}
    if "headers" not in messages.columns:
        messages = with_columns(messages, headers=F.lit(None).cast("array<struct<key: string, value: binary>>"))
    found = messages.transform(_with_text).transform(with_shapes, shapes=shapes, rules=rules)
    found = found.transform(with_json_fields, names=names, nonce=nonce).transform(_with_time, times=rules, nonce=nonce)
    for one in records.fields:
        found = found.transform(with_field, rule=one, times=rules, nonce=nonce)
    return found.transform(_with_expressions, rules=records).transform(_as_records, rules=records, batch=batch)


def _with_text(messages: DataFrame) -> DataFrame:
    value = F.col("value")
    return messages.select(
        "partition", "offset", "timestamp", "key", "headers", value.alias("raw"), value.cast("string").alias("text")
    )


def _with_time(messages: DataFrame, *, times: TimeRules, nonce: str) -> DataFrame:
    """Adds `event_time` and `time_reason`."""
    formats = time_formats(times.time_format)
    text = F.coalesce(SHAPE_TIME, time_text("_json_time", formats, nonce))
    read = messages.transform(with_matched_time, text=text, formats=formats, matched=F.col(USUAL + SHAPE_TIME)).transform(
        with_event_time, rules=times, formats=formats
    )
    reason = F.when(~F.col("is_usual") & F.col("_json_time").isNull(), Rejection.NO_TIME).otherwise(F.col("time_reason"))
    return read.select(*messages.columns, "event_time", reason.alias("time_reason"))


def _with_expressions(messages: DataFrame, *, rules: RecordRules) -> DataFrame:
    """The fields under their own names, the derived ones, `_where`, and of each expression whether it failed."""
    names = [one.name for one in rules.fields]
    fields = messages.select(
        *("partition", "offset", "event_time"),
        *(F.col(before).alias(after) for before, after in _OWN.items()),
        *(F.col(VALUE + name).alias(name) for name in names),
        *(F.col(kind + name).alias(f"_{kind}{name}") for name in names for kind in (REASON, ROUNDED)),
    )
    columns: dict[str, Column] = {}
    for one in rules.derived:
        columns |= {
            one.name: _within_calendar(F.expr(one.sql), one.type),
            f"_failed_{one.name}": _has_failed(F.col(one.name), one),
        }
    if rules.where:
        columns |= {"_where": F.expr(rules.where.sql), "_where_failed": _has_failed(F.col("_where"), rules.where)}
    return with_columns(fields, **columns) if columns else fields


def _within_calendar(value: Column, type_: str) -> Column:
    """Null for a day or an instant outside of the years 1 to 9999, which the tables' readers do not know."""
    if type_ == "date":
        first, last = (F.make_date(*map(F.lit, (one.year, one.month, one.day))) for one in (date.min, date.max))
        return F.when(value.between(first, last), value)
    if type_ == "timestamp":
        first, last = (constant(one.replace(tzinfo=UTC)) for one in (datetime.min, datetime.max))
        return F.when(value.between(first, last), value)
    return value


def _has_failed(value: Column, rule: ExpressionRule) -> Column:
    """Null of no null."""
    return reduce(lambda failed, name: failed & F.col(name).isNotNull(), rule.reads, value.isNull())


def _as_records(messages: DataFrame, *, rules: RecordRules, batch: int) -> DataFrame:
    """The contract: columns of the table `records`, in its order."""
    accepted, where = F.col("_reason").isNull(), F.coalesce("_where", F.lit(False)) if rules.where else F.lit(True)
    read = ("event_time", *(one.name for one in rules.fields), *(one.name for one in rules.derived))
    rounded = F.concat_ws(" ", *(f"_{ROUNDED}{one.name}" for one in rules.fields))
    return with_columns(messages, _reason=F.coalesce("_syntax", "_time_reason", *_reasons(rules))).select(
        F.col("partition").cast("int").alias("partition"),
        F.col("offset").cast("long").alias("offset"),
        kafka_timestamp("_timestamp").alias("kafka_timestamp"),
        F.col("_key").alias("key"),
        *(F.when(accepted, F.col(name)).alias(name) for name in read),
        F.when(accepted, ~where).alias("filtered"),
        F.when(accepted & (rounded != ""), rounded).alias("rounded_from"),
        F.col("_reason").alias("rejected_because"),
        F.when(~accepted, F.col("_raw")).alias("raw"),
        F.lit(batch).cast("long").alias("batch"),
    )


def _reasons(rules: RecordRules) -> Sequence[Column]:
    """Why a message is rejected, in the order of the checks."""
    failed = {one.name: f"_failed_{one.name}" for one in rules.derived}
    of_where = [F.when(F.col("_where_failed"), f"{FieldProblem.EXPRESSION_FAILED}:where")] if rules.where else []
    return [
        *(F.col(f"_{REASON}{one.name}") for one in rules.fields),
        *(F.when(F.col(column), f"{FieldProblem.EXPRESSION_FAILED}:{name}") for name, column in failed.items()),
        *of_where,
    ]

"""Declared fields, as columns of Spark: what a message has of a field, to its value or the reason why it is none.

Only built-in expressions, all of which yield null instead of an error.
"""

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.record_rules import FieldRule
from spark_jobs.pipeline.rules import TimeRules
from spark_jobs.pipeline.time_formats import time_formats
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.event_times import with_event_time, with_matched_time
from spark_jobs.readings.field_values import DAY, LONG, MOST_BYTES, FieldProblem, times_of_field
from spark_jobs.readings.json_fields import json_text, time_text
from spark_jobs.readings.message_formats import plain_number_regex
from spark_jobs.readings.numbers import with_digits, with_value
from spark_jobs.readings.shape_columns import SHAPE
from spark_jobs.readings.shapes import USUAL

VALUE, REASON, ROUNDED = "_value_", "_reason_", "_rounded_"
"""What the columns of a field begin with: its value, why it is none, and the number as it was written if it was rounded. No name
of a field begins so, and no column that reading one needs.
"""

_BAD: Mapping[str, FieldProblem] = {
    "long": FieldProblem.BAD_LONG,
    "boolean": FieldProblem.BAD_BOOLEAN,
    "date": FieldProblem.BAD_DATE,
}


def with_field(messages: DataFrame, *, rule: FieldRule, times: TimeRules, nonce: str) -> DataFrame:
    """Adds the three columns of a field. Takes its `json_` and `shape_` columns, the key or the headers, by its source."""
    found = with_columns(messages, **_written(rule, nonce))
    if rule.kind.kind == "decimal":
        read = _read_decimal(found, rule)
    elif rule.kind.kind == "timestamp":
        read = _read_timestamp(found, rule, times, nonce)
    else:
        read = _SIMPLE[rule.kind.kind](found, rule)
    missing = FieldProblem.MISSING_FIELD if rule.required else None
    problem = F.when(~F.col("there"), F.lit(missing)).when(F.col("broken"), FieldProblem.BAD_STRING).otherwise(F.col("problem"))
    return read.select(
        *messages.columns,
        F.when(problem.isNull(), F.col("read")).alias(VALUE + rule.name),
        F.concat(problem, F.lit(f":{rule.name}")).alias(REASON + rule.name),
        F.concat(F.lit(f"{rule.name}="), F.col("rounded")).alias(ROUNDED + rule.name),
    )


def _written(rule: FieldRule, nonce: str) -> dict[str, Column]:
    """Whether the field is `there`, its text as far as it has one, and whether it is `broken`, as a key or a header may be."""
    if rule.source == "json":
        numbers = rule.kind.kind in ("long", "decimal")
        return {
            "variant": F.col(f"json_{rule.name}"),
            "usual": F.col(USUAL + SHAPE + rule.name),
            "shown": F.coalesce("usual", SHAPE + rule.name),
            "there": F.col("shown").isNotNull() | F.col("variant").isNotNull(),
            "written": F.coalesce("shown", json_text("variant", nonce, numbers=numbers)),
            "broken": F.lit(False),
        }
    last = F.try_element_at(F.filter("headers", lambda header: header["key"] == rule.place), F.lit(-1))["value"]
    text = F.col("bytes").cast("string")
    is_text = F.lit(rule.type == "binary") | F.is_valid_utf8(text)
    return {
        "usual": F.lit(None).cast("string"),
        "bytes": F.col("key") if rule.source == "key" else last,
        "there": F.col("bytes").isNotNull(),
        "written": F.when(is_text, text),
        "broken": ~is_text,
    }


def _kept(messages: DataFrame, read: Column, problem: Column) -> DataFrame:
    return with_columns(messages, read=read, problem=problem, rounded=F.lit(None).cast("string"))


def _read_string(messages: DataFrame, rule: FieldRule) -> DataFrame:
    text = F.col("written")
    is_bad = text.isNull() if rule.allow_empty else text.isNull() | (text == "")
    problem = F.when(is_bad, FieldProblem.BAD_STRING).when(F.octet_length(text) > MOST_BYTES, FieldProblem.TOO_LONG)
    if rule.one_of is not None:
        problem = problem.when(~text.isin(list(rule.one_of)), FieldProblem.NOT_IN_LIST)
    return _kept(messages, text, problem)


def _read_binary(messages: DataFrame, _: FieldRule) -> DataFrame:
    return _kept(messages, F.col("bytes"), F.when(F.octet_length("bytes") > MOST_BYTES, FieldProblem.TOO_LONG))


def _read_long(messages: DataFrame, rule: FieldRule) -> DataFrame:
    text = F.col("written")
    return _or_bad(messages, rule, F.when(text.rlike(rf"\A{LONG}\z"), text.try_cast("bigint")))


def _read_boolean(messages: DataFrame, rule: FieldRule) -> DataFrame:
    if rule.source == "json":
        is_boolean = F.schema_of_variant("variant") == "BOOLEAN"
        parsed = F.when(is_boolean, F.try_variant_get("variant", "$", "boolean"))
        return _or_bad(messages, rule, F.coalesce(F.col("shown") == "true", parsed))
    text = F.col("written")
    return _or_bad(messages, rule, F.when(text == "true", True).when(text == "false", False))


def _read_date(messages: DataFrame, rule: FieldRule) -> DataFrame:
    text = F.col("written")
    return _or_bad(messages, rule, F.when(text.rlike(rf"\A{DAY}\z") & (text >= "0001"), text.try_cast("date")))


def _or_bad(messages: DataFrame, rule: FieldRule, read: Column) -> DataFrame:
    return _kept(messages, read, F.when(read.isNull(), _BAD[rule.kind.kind]))


def _read_decimal(messages: DataFrame, rule: FieldRule) -> DataFrame:
    precision, scale = rule.precision, rule.scale
    is_plain = F.col("usual").isNotNull() | F.col("number").rlike(rf"\A{plain_number_regex(precision, scale)}\z")
    found = with_columns(messages, number=F.col("written"), is_plain=is_plain, plain_number=F.lit(None).cast(rule.kind.spark))
    found = found.transform(with_digits).transform(
        with_value, precision=precision, scale=scale, reject_excess=rule.excess_digits == "reject"
    )
    return with_columns(found, read=F.col("value"), problem=F.col("value_reason"), rounded=F.col("rounded_from"))


def _read_timestamp(messages: DataFrame, rule: FieldRule, times: TimeRules, nonce: str) -> DataFrame:
    formats = time_formats(times.time_format)
    quote = '"' if len(formats) > 1 else ""
    quoted = F.concat(F.lit(quote), F.col("written"), F.lit(quote))
    text = F.coalesce("shown", time_text("variant", formats, nonce)) if rule.source == "json" else quoted
    aside = {name: f"own_{name}" for name in ("event_time", "time_reason")}
    found = (
        messages.withColumnsRenamed(aside)
        .transform(with_matched_time, text=text, formats=formats, matched=F.col("usual"))
        .transform(with_event_time, rules=times_of_field(times), formats=formats)
    )
    read = _kept(found, F.col("event_time"), F.when(F.col("time_reason").isNotNull(), FieldProblem.BAD_TIMESTAMP))
    return read.drop(*aside).withColumnsRenamed({after: before for before, after in aside.items()})


_SIMPLE: Mapping[str, Callable[[DataFrame, FieldRule], DataFrame]] = {
    "string": _read_string,
    "binary": _read_binary,
    "long": _read_long,
    "boolean": _read_boolean,
    "date": _read_date,
}

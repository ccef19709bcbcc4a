"""The fields of messages that have a known shape, as columns of Spark: the same texts that a real parser finds, much faster.

What each text is, and whether it is good, is decided in `field_columns.py` and `event_times.py` for all messages alike.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.record_rules import FieldRule
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.pipeline.time_formats import TimePattern, time_formats
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.message_formats import plain_number_regex
from spark_jobs.readings.shapes import SEPARATOR, USUAL, ShapeField, shape_form
from spark_jobs.readings.strict_objects import LARGEST

SHAPE, SHAPE_TIME = "shape_", "_shape_time"
"""What the columns of fields begin with, and the column of the event's time: the text that a shape found, else null.

A decimal or a time that is written as most are has its text in another column, which begins with `USUAL`: how it is written is
not asked again.
"""


def with_shapes(messages: DataFrame, *, shapes: Sequence[str], rules: DeclaredRules) -> DataFrame:
    """Adds `is_usual`, true of messages that have one of the shapes, and the texts of the time and of each JSON field.

    `text` becomes null where it is usual. Bytes that are not UTF-8 have no shape, because a regular expression does not see them
    as they are. A match is known by its first character: all others begin with a brace as before.
    """
    fields = _shape_fields(rules)
    form = shape_form(shapes, fields)
    if form is None:
        nothing = {kind + column: F.lit(None).cast("string") for column in fields for kind in ("", USUAL)}
        return with_columns(messages, is_usual=F.lit(False), **nothing)
    text, parts = F.col("text"), F.col("parts")
    may_match = text.startswith("{") & (F.octet_length(text) <= LARGEST) & F.is_valid_utf8(text)
    found = with_columns(
        messages,
        replaced=F.when(may_match, F.regexp_replace(text, F.lit(form.regex), F.lit(form.replacement))),
        parts=F.when(F.col("replaced").startswith(SEPARATOR), F.split("replaced", SEPARATOR)),
    )
    texts = {column: parts[number] for number, column in enumerate(form.columns, 1)}
    sure = {column for column, field in fields.items() if field.required and field.regex is None}
    return found.select(
        *(name for name in messages.columns if name != "text"),
        F.when(parts.isNull(), text).alias("text"),
        parts.isNotNull().alias("is_usual"),
        *((part if column in sure else F.when(part != "", part)).alias(column) for column, part in texts.items()),
        *(F.lit(None).cast("string").alias(USUAL + column) for column in fields if USUAL + column not in texts),
    )


def _shape_fields(rules: DeclaredRules) -> dict[str, ShapeField]:
    formats = time_formats(rules.time_format)
    json_fields = (one for one in rules.records.fields if one.source == "json")
    return {SHAPE_TIME: _time_field(rules.time_field, formats, required=True)} | {
        SHAPE + one.name: _shape_field(one, formats) for one in json_fields
    }


def _shape_field(rule: FieldRule, formats: Sequence[TimePattern]) -> ShapeField:
    match rule.kind.kind:
        case "timestamp":
            return _time_field(rule.place, formats, required=rule.required)
        case "decimal":
            return ShapeField(rule.place, "number", rule.required, plain_number_regex(rule.precision, rule.scale))
        case "long":
            return ShapeField(rule.place, "number", rule.required)
        case "boolean":
            return ShapeField(rule.place, "boolean", rule.required)
    return ShapeField(rule.place, "text", rule.required)


def _time_field(place: str, formats: Sequence[TimePattern], *, required: bool) -> ShapeField:
    """As `time_text` and `with_matched_time` want it."""
    if len(formats) > 1:
        return ShapeField(place, "token", required)
    (only,) = formats
    return ShapeField(place, "number", required) if only.epoch_unit else ShapeField(place, "text", required, only.regex)

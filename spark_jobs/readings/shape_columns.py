"""The fields of messages that have a known shape, as columns of Spark: the same texts that a real parser finds, much faster.

What each text is, and whether it is good, is decided in `field_columns.py` and `event_times.py` for all messages alike.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.pipeline.time_formats import TimePattern, time_formats
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.shapes import SEPARATOR, Kind, ShapeField, shape_form
from spark_jobs.readings.strict_objects import LARGEST

SHAPE_TIME, SHAPE = "_shape_time", "shape_"
"""The column of the event's time, and what the columns of fields begin with: text that a shape found, null where none has."""


def with_shapes(messages: DataFrame, *, shapes: Sequence[str], rules: DeclaredRules) -> DataFrame:
    """Adds `is_usual`, true of messages that have one of the shapes, and the texts of the time and of each JSON field.

    `text` becomes null where it is usual. Bytes that are not UTF-8 have no shape, because the regular expression sees them as a
    character; nor have messages that begin otherwise than all shapes, so a match is known by how it begins.
    """
    fields = _shape_fields(rules)
    form = shape_form(shapes, list(fields.values()))
    if form is None:
        return with_columns(messages, is_usual=F.lit(False), **{column: F.lit(None).cast("string") for column in fields})
    text, parts = F.col("text"), F.col("parts")
    may_match = text.startswith("{") & (F.octet_length(text) <= LARGEST) & F.is_valid_utf8(text)
    found = with_columns(
        messages,
        replaced=F.when(may_match, F.regexp_replace(text, F.lit(form.regex), F.lit(form.replacement))),
        parts=F.when(F.col("replaced").startswith(SEPARATOR), F.split("replaced", SEPARATOR)),
    )
    texts = {
        column: parts[number] if field.required else F.when(parts[number] != "", parts[number])
        for number, (column, field) in enumerate(fields.items(), 1)
    }
    return found.select(
        *(name for name in messages.columns if name != "text"),
        F.when(parts.isNull(), text).alias("text"),
        parts.isNotNull().alias("is_usual"),
        *(part.alias(column) for column, part in texts.items()),
    )


def holds_times(formats: Sequence[TimePattern]) -> bool:
    """Whether a shape holds only times that are written as the one format says."""
    return len(formats) == 1 and formats[0].epoch_unit is None


def _shape_fields(rules: DeclaredRules) -> dict[str, ShapeField]:
    formats = time_formats(rules.time_format)
    time: Kind = "token" if len(formats) > 1 else "number" if formats[0].epoch_unit else "text"
    kinds: dict[str, Kind] = {"long": "number", "decimal": "number", "boolean": "boolean", "timestamp": time}
    regex = formats[0].regex if holds_times(formats) else None
    return {SHAPE_TIME: ShapeField(rules.time_field, time, required=True, regex=regex)} | {
        SHAPE + one.name: ShapeField(one.place, kinds.get(one.kind.kind, "text"), one.required)
        for one in rules.records.fields
        if one.source == "json"
    }

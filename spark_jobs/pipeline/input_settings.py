"""Settings of what a pipeline reads: the topic, the event time of its messages, and either one value or declared fields."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from spark_jobs.pipeline.declared import MOST_FIELDS, ColumnName, DerivedSettings, Expression, Fields
from spark_jobs.pipeline.section import Section
from spark_jobs.pipeline.setting_types import Instant, Start, TimeFormats, TimeZone, TopicName, Unit
from spark_jobs.pipeline.time_formats import EARLIEST_OF_EPOCHS, time_formats

MAX_WHOLE_DIGITS, MAX_SCALE = 12, 6
"""What fits the tables' `decimal(18,6)`; sums of 10^14 such values fit `decimal(38,6)`."""


class TimeSettings(Section):
    """Where a message holds its event time, and which times are plausible."""

    field: str = Field(min_length=1)
    format: TimeFormats = Field(
        description="pattern letters of Spark and Java, iso8601, epoch_seconds and so on, or a list of these"
    )
    timezone: TimeZone = "UTC"
    earliest: Instant | None = Field(None, description="none: 1970, and 1980 where a format is an epoch's")
    latest: Instant | None = Field(None, description="none: one day ahead of the moment the batch is planned")

    @model_validator(mode="after")
    def _units_apart(self) -> Self:
        units = [one.pattern for one in time_formats(self.format) if one.epoch_unit]
        if len(units) > 1 and self.earliest and self.earliest < EARLIEST_OF_EPOCHS:
            raise ValueError(
                f"a number may be plausible as {' and as '.join(units)} before 1980; leave earliest out, or set it to "
                "1980-01-01 or later"
            )
        return self


class ValueSettings(Section):
    """Where a message holds its value, and how many digits of it count."""

    field: str = Field(min_length=1)
    type: str = "decimal(18,6)"
    excess_digits: Literal["round", "reject"] = "round"
    unit: Unit = Field(None, description="shown beside values, and nothing else")

    @model_validator(mode="after")
    def _fits_the_tables(self) -> Self:
        if self.scale > MAX_SCALE or self.precision - self.scale > MAX_WHOLE_DIGITS or self.precision < max(1, self.scale):
            raise ValueError(
                f"type {self.type} does not fit decimal(18,6): at most {MAX_WHOLE_DIGITS} digits before and {MAX_SCALE} "
                "after the point"
            )
        return self

    @property
    def precision(self) -> int:
        return self._digits[0]

    @property
    def scale(self) -> int:
        return self._digits[1]

    @property
    def _digits(self) -> tuple[int, int]:
        match = re.fullmatch(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)", self.type)
        if match is None:
            raise ValueError(f"type {self.type!r} is not of the form decimal(18,6)")
        return int(match[1]), int(match[2])


class InputSettings(Section):
    """The topic that is read and the shape of its messages."""

    topic: TopicName
    start: Start = Field("earliest", description="first run only; a time is Kafka's time of the records, not the readings' own")
    time: TimeSettings
    value: ValueSettings | None = Field(None, description="the one number whose daily averages are made; else fields")
    fields: Fields | None = Field(None, description="what aggregates are made of", max_length=MOST_FIELDS)
    derived: dict[ColumnName, DerivedSettings] = Field({}, max_length=MOST_FIELDS)
    where: Expression | None = Field(None, description="records for which it is not true count in no aggregate")

    @model_validator(mode="after")
    def _two_fields(self) -> Self:
        if self.value is None:
            return self
        if self.time.field == self.value.field:
            raise ValueError(f"time and value cannot be the same field {self.time.field!r}")
        if self.value.field == "date":
            raise ValueError("the value's field cannot be called date: published averages carry it beside their date")
        return self

    @model_validator(mode="after")
    def _value_or_fields(self) -> Self:
        if self.value is None and self.fields is None:
            raise ValueError("value is missing; it says which number is averaged (or declare fields, and aggregates of them)")
        if self.value is not None:
            beside = [name for name in ("fields", "derived", "where") if name in self.model_fields_set]
            if beside:
                raise ValueError(
                    f"value and {beside[0]} exclude each other: value is for one daily average, and with fields each aggregate "
                    "is declared"
                )
        return self

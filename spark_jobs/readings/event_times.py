"""Event times of messages, as columns of Spark: texts and numbers in the configured formats to instants and local days.

Only built-in expressions, all of which yield null instead of an error. Expects the session's time zone to be UTC. Digits beyond
microseconds are cut, never rounded: a time belongs to the microsecond, the second and the day in which it lies. Knows neither
messages nor where records are stored.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.rules import TimeRules
from spark_jobs.pipeline.time_formats import EPOCH_DIGITS, EPOCH_SHIFT, ISO_WORD, EpochUnit, TimePattern
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.message_formats import Rejection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUOTE = '"'
_DECIMALS = 18


def with_event_time(messages: DataFrame, *, rules: TimeRules, formats: Sequence[TimePattern]) -> DataFrame:
    """Adds `event_time`, `date` (the day in the configured zone) and `time_reason`.

    Takes `plain_time` and `plain_is_instant`, and `time_text` where there is none: the time as it was written, of several formats
    with its quotes. What the plain form takes for a reading must have no reason here.
    """
    parsed, event_time, local, is_instant = (F.col(name) for name in ("parsed_time", "event_time", "local", "is_instant"))
    times = _times_read(rules, formats)
    zone = rules.timezone
    columns = {
        **(_epoch_parts(formats) if any(one.epoch_unit for one in formats) else {}),
        **times,
        "parsed_time": F.coalesce("plain_time", *(name for name in times if name.startswith("time_as_"))),
        "is_instant": _is_instant(rules, formats),
        "local": parsed if zone == "UTC" else F.when(is_instant, F.from_utc_timestamp(parsed, zone)).otherwise(parsed),
        "event_time": parsed if zone == "UTC" else F.when(is_instant, parsed).otherwise(F.to_utc_timestamp(parsed, zone)),
        "date": local.cast("date"),
        "time_reason": F.when(parsed.isNull(), _unread(formats)).when(
            ~is_plausible(event_time, rules), Rejection.TIME_OUT_OF_RANGE
        ),
    }
    if zone != "UTC" and not all(one.has_offset for one in formats):
        skipped = ~is_instant & (F.from_utc_timestamp(event_time, zone) != local)
        columns["time_reason"] = columns["time_reason"].when(skipped, Rejection.NONEXISTENT_TIME)
    return with_columns(messages, **columns)


def with_matched_time(
    messages: DataFrame, *, text: Column, formats: Sequence[TimePattern], matched: Column | None = None
) -> DataFrame:
    """Adds what `with_event_time` takes, of messages that have no plain form; `text` is the time as it was written, of several
    formats with its quotes. `matched` is such a text already, or null.
    """
    regex = formats[0].regex if len(formats) == 1 else "|".join(one.token for one in formats)
    matches = F.when(F.col("time_string").rlike(rf"\A(?:{regex})\z"), F.col("time_string"))
    return with_columns(
        messages,
        time_string=text,
        time_text=matches if matched is None else F.coalesce(matched, matches),
        plain_time=F.lit(None).cast("timestamp"),
        plain_is_instant=F.lit(False),
    )


def plain_time(text: Column, start: Column, rules: TimeRules, formats: Sequence[TimePattern]) -> Column:
    """The time of a plain message, in the first of the formats. One of fixed width begins in the message's bytes at `start`."""
    first = formats[0]
    if first.width:
        return _fixed_time(text, first, start)
    if first.epoch_unit is None:
        return _written_time(text, first)
    return _counted(F.timestamp_micros(_whole_micros(text.try_cast("bigint"), first.epoch_unit)), rules, formats)


def says_instant(text: Column, time: TimePattern) -> Column:
    """Whether the text is an instant and no local time. In ISO 8601 all that may follow the minutes is seconds and the offset."""
    return F.substring(text, 17, 99).rlike("[Zz+-]") if time.has_offset is None else F.lit(time.has_offset)


def is_plausible(event_time: Column, rules: TimeRules) -> Column:
    return event_time.between(constant(rules.earliest), constant(rules.latest))


def _times_read(rules: TimeRules, formats: Sequence[TimePattern]) -> Mapping[str, Column]:
    """The time as each format reads it, null where it does not:
    `time_as_0` and so on, made from the text without quotes `text_as_0`.
    """
    columns = {}
    for number, one in enumerate(formats):
        columns[f"text_as_{number}"] = _unquoted(formats, one.token)
        written = _written_time(F.col(f"text_as_{number}"), one)
        columns[f"time_as_{number}"] = _counted(_epoch_time(one.epoch_unit), rules, formats) if one.epoch_unit else written
    return columns


def _unquoted(formats: Sequence[TimePattern], token: str) -> Column:
    """The text where it is of this form, which the text of a single format always is."""
    text = F.col("time_text")
    return text if len(formats) == 1 else F.when(text.rlike(rf"\A{token}\z"), F.btrim(text, F.lit(_QUOTE)))


def _is_instant(rules: TimeRules, formats: Sequence[TimePattern]) -> Column:
    kinds: set[bool | None] = {True} if rules.timezone == "UTC" else {one.has_offset for one in formats}
    if kinds in ({True}, {False}):
        return F.lit(kinds == {True})
    readers = [
        F.when(F.col(f"time_as_{number}").isNotNull(), says_instant(F.col(f"text_as_{number}"), one))
        for number, one in enumerate(formats)
    ]
    return F.coalesce(F.when(F.col("plain_time").isNotNull(), F.col("plain_is_instant")), *readers)


def _unread(formats: Sequence[TimePattern]) -> Column:
    """Why no format reads a time: the number of an epoch is out of any range,
    all else is written in another way or in no calendar.
    """
    text = F.col("time_text")
    if not any(one.epoch_unit for one in formats):
        return F.lit(Rejection.BAD_TIME)
    is_number = text.isNotNull() if len(formats) == 1 else F.coalesce(F.col("epoch_text").isNotNull(), F.lit(False))
    return F.when(is_number, Rejection.TIME_OUT_OF_RANGE).otherwise(Rejection.BAD_TIME)


def _counted(time: Column, rules: TimeRules, formats: Sequence[TimePattern]) -> Column:
    """Of several formats an epoch is only read by the unit in which it is plausible: the same digits may be of another one."""
    return time if len(formats) == 1 else F.when(is_plausible(time, rules), time)


def _written_time(text: Column, time: TimePattern) -> Column:
    """The instant, or for a text without offset what would be the instant if the clock showed UTC."""
    if time.pattern == ISO_WORD:
        return _iso_time(text)
    return _fixed_time(text, time, F.lit(1)) if time.width else F.try_to_timestamp(text, F.lit(time.pattern))


def _fixed_time(text: Column, time: TimePattern, start: Column) -> Column:
    pieces = [F.lit(one) if isinstance(one, str) else F.substring(text, start + (one[0] - 1), one[1]) for one in time.iso]
    return F.concat(*pieces).cast("string").try_cast("timestamp")


def _iso_time(text: Column) -> Column:
    """Spark's cast cuts a fraction after six digits. It wants large letters, a point, and seconds:
    only few texts are spelled otherwise.
    """
    spelled = F.upper(F.replace(text, F.lit(","), F.lit(".")))
    with_seconds = F.concat(F.substring(spelled, 1, 16), F.lit(":00"), F.substring(spelled, 17, 99))
    return F.coalesce(
        text.try_cast("timestamp"),
        F.when(F.substring(spelled, 17, 1) == ":", spelled).otherwise(with_seconds).try_cast("timestamp"),
    )


def _epoch_parts(formats: Sequence[TimePattern]) -> Mapping[str, Column]:
    """The number `epoch_text`, and `epoch_whole` where it is a long: one with a fraction, an exponent or more digits is none."""
    token = next(one.token for one in formats if one.epoch_unit)
    return {"epoch_text": _unquoted(formats, token), "epoch_whole": F.col("epoch_text").try_cast("bigint")}


def _epoch_time(unit: EpochUnit) -> Column:
    return F.timestamp_micros(F.coalesce(_whole_micros(F.col("epoch_whole"), unit), _exact_micros(F.col("epoch_text"), unit)))


def _exact_micros(number: Column, unit: EpochUnit) -> Column:
    """The microsecond in which the number lies, by its digits; null where `_whole_micros` has said all, or the number is too
    large.

    Short on purpose: Java compiles no method of more than 8,000 bytes, and all columns of a record are one method. The decimal
    holds every digit that is left, so nothing is rounded before the floor: the point moves by the unit's places, and a number
    that is plausible has its microseconds within so many digits behind the point, however it is written.
    """
    shift = EPOCH_SHIFT[unit]
    cut = F.regexp_replace(number, rf"(\.[0-9]{{{_DECIMALS + min(shift, 0)}}})[0-9]+", "$1")
    exponent = F.coalesce(F.regexp_extract(number, "[eE](.+)", 1).try_cast("int"), F.lit(0)) + shift
    moved = F.concat(F.regexp_replace(cut, "[eE].*", ""), F.lit("e"), exponent.cast("string"))
    micros = F.when(F.col("epoch_whole").isNull(), moved).try_cast(f"decimal({2 * _DECIMALS},{_DECIMALS})")
    return F.floor(micros).cast("bigint")


def _whole_micros(whole: Column, unit: EpochUnit) -> Column:
    """Microseconds of a long; null if there are more digits than the unit may have."""
    if unit == "ns":
        below = (whole % 1000 < 0).cast("int")
        return F.call_function("div", whole, F.lit(1000)) - below
    most = 10 ** EPOCH_DIGITS[unit] - 1
    return F.when(whole.between(-most, most), whole * 10 ** EPOCH_SHIFT[unit])


def constant(instant: datetime) -> Column:
    """An instant as a column."""
    return F.timestamp_micros(F.lit((instant - _EPOCH) // timedelta(microseconds=1)))

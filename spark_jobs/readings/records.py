"""Kafka messages to records: every message becomes a reading or a rejected row, never an error and never both.

Most messages have the plain form and are cut as bytes; others in the usual form are taken apart by one regular expression. The
rest goes to a strict JSON parser (`VARIANT` refuses what the JSON functions of Spark let pass) and then by the same rules for
times and numbers. Only built-in expressions, so executors need no Python; all of them yield null instead of an error, so that
ANSI mode can stay on. Expects the session's time zone to be UTC. Knows neither where messages come from nor where records are
stored.

Numbers never pass through a double: the JSON parser is shown each number as a string.
"""

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.pipeline.time_formats import TimePattern, time_formats
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.event_times import is_plausible, plain_time, says_instant, with_event_time
from spark_jobs.readings.json_fields import json_text, kafka_timestamp, time_text, with_json_fields
from spark_jobs.readings.message_formats import (
    PlainForm,
    Rejection,
    message_form,
    plain_form,
    plain_number_regex,
)
from spark_jobs.readings.numbers import with_digits, with_value


def records_of(messages: DataFrame, *, rules: ParsingRules, batch: int, nonce: str) -> DataFrame:
    """One record per message, in the columns of the table `records`.

    Takes Kafka's columns key, value, partition, offset and timestamp. `event_time`, `date` and `value` are null exactly
    where `rejected_because` holds a code of `Rejection`; `raw` is the value of a rejected message. `rounded_from` is the
    number as it was written where rounding changed it. A local time that the clocks showed twice is the earlier one.

    `nonce` must not be foreseeable by whoever writes messages. Raises `ValueError` if it is not letters and digits.
    """
    if not re.fullmatch("[A-Za-z0-9-]{8,}", nonce):
        raise ValueError("the nonce must be 8 or more letters, digits or hyphens")
    formats = time_formats(rules.time_format)
    form = plain_form(rules.time_field, formats, rules.value_field, rules.precision, rules.scale)
    return (
        messages.transform(with_plain_form, form=form, rules=rules, formats=formats)
        .transform(_with_usual_form, rules=rules, formats=formats, nonce=nonce)
        .transform(with_json_fields, names={"json_time": rules.time_field, "json_value": rules.value_field}, nonce=nonce)
        .transform(_with_texts, formats=formats, nonce=nonce, plain=plain_number_regex(rules.precision, rules.scale))
        .transform(with_event_time, rules=rules, formats=formats)
        .transform(with_digits)
        .transform(with_value, precision=rules.precision, scale=rules.scale, reject_excess=rules.excess_digits == "reject")
        .transform(_as_records, batch=batch)
    )


def with_plain_form(
    messages: DataFrame, *, form: PlainForm | None, rules: ParsingRules, formats: Sequence[TimePattern]
) -> DataFrame:
    """Adds `plain_time`, `plain_is_instant` and `plain_number_regex`, `has_plain_form` where a message has both, `text` of all
    others, and `raw`.

    `raw` holds the message's bytes, and null where nothing can become of it but a reading: a reason that a plain message may have
    must be excluded here, or its bytes are lost. A message whose time no calendar has does not count as plain: the usual form
    finds the reason. What is cut out of a message that does not match is nonsense, but no error.
    """
    message, text, matches, blank = F.col("message"), F.col("message").cast("string"), F.col("matches"), F.col("blank")
    number_type = f"decimal({rules.precision},{rules.scale})"
    kept = messages.select("partition", "offset", "timestamp", "key", F.col("value").alias("message"))
    if form is None:
        none = {
            "plain_time": _null("timestamp"),
            "plain_is_instant": F.lit(False),
            "plain_number": _null(number_type),
            "has_plain_form": F.lit(False),
        }
        return with_columns(kept, **none, text=text, raw=message)
    start, end, number_start, quotes = F.col("time_start"), F.col("time_end"), F.col("number_start"), F.col("quotes")
    width, cut_time = formats[0].width, F.substring(message, start, end - start).cast("string")
    number = F.substring(message, number_start, F.octet_length(message) - number_start - quotes)
    is_instant = F.lit(True) if rules.timezone == "UTC" else says_instant(cut_time, formats[0])
    return with_columns(
        kept,
        matches=text.rlike(form.regex),
        blank=F.startswith(text, F.lit(form.spaced)).cast("int"),
        quotes=F.endswith(text, F.lit('"}')).cast("int"),
        time_start=form.time + blank,
        time_end=start + width if width else F.position(F.lit(form.ends), text, start),
        number_start=end + form.gap + 2 * blank + quotes,
        plain_time=F.when(matches, plain_time(message if width else cut_time, start, rules, formats)),
        plain_is_instant=is_instant,
        plain_number=F.when(matches, number.cast("string").try_cast(number_type)),
        has_plain_form=F.col("plain_time").isNotNull() & F.col("plain_number").isNotNull(),
        text=F.when(~F.col("has_plain_form"), text),
        raw=F.when(~(F.col("has_plain_form") & F.col("plain_is_instant") & is_plausible(F.col("plain_time"), rules)), message),
    )


def _null(type_name: str) -> Column:
    return F.lit(None).cast(type_name)


def _with_usual_form(messages: DataFrame, *, rules: ParsingRules, formats: Sequence[TimePattern], nonce: str) -> DataFrame:
    """Adds `is_usual`, and `usual` as `tail|number|time` where a message is usual but not of the plain form.

    One replacement both tests and takes apart: only a match can begin with the nonce; that the text changed proves nothing,
    because bytes that are not UTF-8 change as well.
    """
    form = message_form(rules.time_field, formats, rules.value_field, rules.precision, rules.scale)
    text, replaced, keys = F.col("text"), F.col("replaced"), F.col("keys")
    return with_columns(
        messages,
        replaced=F.regexp_replace(text, F.lit(form.regex), F.lit(nonce + form.replacement)),
        keys=F.when(replaced.startswith(nonce), F.json_object_keys(text)),
        usual=F.when(F.size(keys) == F.size(F.array_distinct(keys)), F.substr(replaced, F.lit(len(nonce) + 1))),
        is_usual=F.col("has_plain_form") | F.col("usual").isNotNull(),
    )


def _with_texts(messages: DataFrame, *, formats: Sequence[TimePattern], nonce: str, plain: str) -> DataFrame:
    """Adds `time_text`, `number` as it was written and `is_plain`.

    `time_text` has its quotes, if any, where there are several formats. It is null where the time is in no format, `number` where
    the value is no string and no number; both are null where the message has the plain form.
    """
    usual, is_usual = F.col("usual"), F.col("is_usual")
    time_regex = formats[0].regex if len(formats) == 1 else "|".join(one.token for one in formats)
    strict_time = F.when(F.col("time_string").rlike(rf"\A(?:{time_regex})\z"), F.col("time_string"))
    first_two = F.substring_index(usual, "|", 2)
    usual_number = F.concat(F.substring_index(first_two, "|", -1), F.substring_index(usual, "|", 1))
    return with_columns(
        messages,
        time_string=time_text("json_time", formats, nonce),
        json_number=json_text("json_value", nonce, numbers=True),
        time_text=F.when(is_usual, F.substring_index(usual, "|", -1)).otherwise(strict_time),
        number=F.when(is_usual, usual_number).otherwise(F.col("json_number")),
        is_plain=F.when(is_usual, F.col("has_plain_form") | usual.startswith("|")).otherwise(
            F.col("number").rlike(rf"\A{plain}\z")
        ),
    )


def _as_records(messages: DataFrame, *, batch: int) -> DataFrame:
    """The contract: columns of the table `records`, in its order."""
    missing = F.when(F.col("json_time").isNull(), Rejection.NO_TIME).when(F.col("json_value").isNull(), Rejection.NO_VALUE)
    reason = F.coalesce("syntax", F.when(~F.col("is_usual"), missing), "time_reason", "value_reason")
    accepted = F.col("reason").isNull()
    return with_columns(messages, reason=reason).select(
        F.col("partition").cast("int").alias("partition"),
        F.col("offset").cast("long").alias("offset"),
        kafka_timestamp().alias("kafka_timestamp"),
        "key",
        *[F.when(accepted, F.col(name)).alias(name) for name in ("event_time", "date")],
        F.when(accepted, F.col("value").cast("decimal(18,6)")).alias("value"),
        F.when(accepted, F.col("rounded_from")).alias("rounded_from"),
        F.col("reason").alias("rejected_because"),
        F.when(~accepted, F.col("raw")).alias("raw"),
        F.lit(batch).cast("long").alias("batch"),
    )

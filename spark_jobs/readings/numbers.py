"""Numbers of messages, as columns of Spark: texts as they were written to exact decimals.

Only built-in expressions, all of which yield null instead of an error; nothing passes through a double. Knows neither messages
nor where records are stored.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.time_formats import NUMBER
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.message_formats import NOT_FINITE, Rejection


def with_digits(messages: DataFrame) -> DataFrame:
    """Adds, for valid numbers that are not plain, `digits` without leading zeros and `point`, its place in them.

    The number is `0.digits` times ten to the power of `point`; zero has no digits.
    """
    number = F.when(~F.col("is_plain") & F.col("number").rlike(rf"\A{NUMBER}\z"), F.lower("number"))
    mantissa = F.ltrim(F.substring_index("scientific", "e", 1), F.lit("-"))
    whole = F.substring_index("mantissa", ".", 1)
    written = F.translate("mantissa", ".", "")
    return with_columns(
        messages,
        scientific=number,
        mantissa=mantissa,
        digits=F.ltrim(written, F.lit("0")),
        point=F.length(whole) + F.length("digits") - F.length(written) + _exponent("scientific"),
    )


def _exponent(scientific: str) -> Column:
    """As a long; one that is longer than an int is as good as endless, whatever the number's digits are."""
    text = F.substring_index(scientific, "e", -1)
    endless = F.when(text.startswith("-"), F.lit(-(2**40))).otherwise(F.lit(2**40))
    return F.when(F.contains(F.col(scientific), F.lit("e")), F.coalesce(text.try_cast("int"), endless)).otherwise(F.lit(0))


def with_value(messages: DataFrame, *, precision: int, scale: int, reject_excess: bool) -> DataFrame:
    """Adds `value`, rounded half away from zero, `rounded_from` and `value_reason`."""
    value_type = f"decimal({precision},{scale})"
    is_zero = F.col("digits") == ""
    kept = F.greatest(F.lit(-1), F.least(F.lit(precision + 1), F.col("point") + scale)).cast("int")
    has_excess = ~is_zero & (F.length(F.rtrim("digits", F.lit("0"))) > F.col("kept"))
    too_big = ~is_zero & (F.col("point") > precision - scale)
    written = F.when(F.col("is_plain"), F.col("number").try_cast(value_type)).otherwise(_rounded(scale).try_cast(value_type))
    value = F.coalesce("plain_number", written)
    reason = (
        F.when(F.col("number").isNull(), Rejection.BAD_NUMBER)
        .when(F.col("number").rlike(rf"\A{NOT_FINITE}\z"), Rejection.NOT_FINITE)
        .when(~F.col("is_plain") & F.col("digits").isNull(), Rejection.BAD_NUMBER)
        .when(too_big, Rejection.NUMBER_OUT_OF_RANGE)
        .when(F.col("has_excess") & F.lit(reject_excess), Rejection.EXCESS_DIGITS)
        .when(F.col("value").isNull(), Rejection.NUMBER_OUT_OF_RANGE)
    )
    return with_columns(
        messages,
        kept=kept,
        has_excess=has_excess,
        value=F.when(~F.coalesce(too_big, F.lit(False)), value),
        rounded_from=F.when(F.col("has_excess"), F.col("number")),
        value_reason=F.when(~F.coalesce(F.col("is_plain"), F.lit(False)), reason),
    )


def _rounded(scale: int) -> Column:
    """From the digits that stay and the first that goes, which alone decides a half."""
    kept = F.col("kept") + 1
    digits = F.when(kept > 0, F.substring(F.rpad("digits", kept, F.lit("0")), F.lit(1), kept)).otherwise(F.lit("0"))
    sign = F.when(F.startswith("scientific", F.lit("-")), "-").otherwise("")
    return F.round(F.concat(sign, digits, F.lit(f"e-{scale + 1}")).try_cast(f"decimal(38,{scale + 1})"), scale)

"""The fields of a message's JSON object, as columns of Spark, by a strict parser.

`VARIANT` refuses what the JSON functions of Spark let pass. It is shown each number as a string that begins with the nonce, so no
number passes through a double. Only built-in expressions, all of which yield null instead of an error.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.pipeline.time_formats import TimePattern
from spark_jobs.readings.columns import with_columns
from spark_jobs.readings.event_times import constant
from spark_jobs.readings.message_formats import Rejection, numbers_regex, path_of

_JSON_WHITESPACE = " \t\r\n"
_STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_LONE_SURROGATE = r"\\u[dD][89a-fA-F]"
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=1)
"""What Kafka's number for "no timestamp" would be as a time."""


def with_json_fields(messages: DataFrame, *, names: Mapping[str, str], nonce: str) -> DataFrame:
    """Adds `syntax`, the reason why a message has no fields, and for each of `names` a column of VARIANT: its key is the column,
    its value the name or the path of the field.

    Takes `text`, `raw` and `is_usual`; all that is added is null where the message has the usual form.
    """
    text, parsed, is_odd = F.col("text"), F.col("parsed"), ~F.col("is_usual")
    blank = F.btrim(text, F.lit(_JSON_WHITESPACE)) == ""
    readable = is_odd & text.isNotNull() & F.is_valid_utf8(text) & ~blank
    quoted = F.regexp_replace(text, F.lit(numbers_regex()), F.lit(f'$1"{nonce}$2"'))
    wrapped = F.try_parse_json(F.concat(F.lit("["), F.col("quoted"), F.lit(f',"{nonce}"]')))
    complete = F.try_variant_get(parsed, "$[1]", "string") == nonce
    fields = F.try_variant_get(parsed, "$[0]", "map<string,variant>")
    return with_columns(
        messages,
        quoted=F.when(readable, quoted),
        parsed=F.when(F.col("quoted").isNotNull(), wrapped),
        complete=F.when(parsed.isNotNull(), F.coalesce(complete, F.lit(False))),
        fields=F.when(F.col("complete"), fields),
        syntax=F.when(is_odd & F.col("fields").isNull(), _syntax()),
        **{column: _field("fields", name) for column, name in names.items()},
    )


def _syntax() -> Column:
    """Why a message that is not usual, and so has its bytes in `raw`, has no fields.
    Cast again, so that usual ones carry no text along.
    """
    text = F.col("raw").cast("string")
    return (
        F.when(F.col("complete"), Rejection.NOT_AN_OBJECT)
        .when(F.try_parse_json("quoted").isNotNull(), Rejection.TRAILING_DATA)
        .when(_is_lenient_json("quoted") & ~text.rlike(_LONE_SURROGATE), Rejection.DUPLICATE_KEY)
        .when(F.col("quoted").isNotNull(), Rejection.NOT_JSON)
        .when(text.isNull(), Rejection.TOMBSTONE)
        .when(~F.is_valid_utf8(text), Rejection.NOT_UTF8)
        .otherwise(Rejection.EMPTY)
    )


def _is_lenient_json(text: str) -> Column:
    """A lenient parser distinguishes, at the price of parsing again, what the strict one only refuses."""
    return F.from_json(text, "map<string,string>", _STRICT_JSON).isNotNull()


def _field(fields: str, name: str) -> Column:
    """The field of that name; where there is none, the one that its path leads to from object to object.
    Null is as good as missing.
    """
    literal = F.try_element_at(F.col(fields), F.lit(name))
    field = F.coalesce(literal, _inner_field(fields, path)) if (path := path_of(name)) else literal
    return F.when(F.col(fields).isNotNull(), F.when(~F.is_variant_null(field), field))


def _inner_field(fields: str, path: Sequence[str]) -> Column:
    *outer, name = path
    inner = F.col(fields)
    for step in outer:
        inner = F.try_variant_get(F.try_element_at(inner, F.lit(step)), "$", "map<string,variant>")
    return F.try_element_at(inner, F.lit(name))


def json_text(field: str, nonce: str, *, numbers: bool, quote: str = "") -> Column:
    """The text of a JSON string between quotes, and of a JSON number if `numbers` says so; null for all else."""
    text = F.try_variant_get(field, "$", "string")
    is_number = text.startswith(nonce)
    number = F.substr(text, F.lit(len(nonce) + 1)) if numbers else F.lit(None).cast("string")
    is_text = F.schema_of_variant(field) == "STRING"
    return F.when(
        F.col(field).isNotNull(), F.when(is_text, F.when(is_number, number).otherwise(F.concat(F.lit(quote), text, F.lit(quote))))
    )


def time_text(field: str, formats: Sequence[TimePattern], nonce: str) -> Column:
    """The text of a field that is a time, of several formats between quotes if it is a string; null where it cannot be one."""
    return json_text(field, nonce, numbers=any(one.epoch_unit for one in formats), quote='"' if len(formats) > 1 else "")


def kafka_timestamp(column: str = "timestamp") -> Column:
    """Null where it is none, or outside of what readers know as a time: a producer may have sent any number."""
    sent = F.col(column)
    readable = sent.between(constant(datetime.min.replace(tzinfo=UTC)), constant(datetime.max.replace(tzinfo=UTC)))
    return F.when(readable & (sent != constant(_NO_TIME)), sent)

"""Expressions of pipeline files: what is allowed, what Spark is given of it, and the sentence for all else."""

import re

import pytest

from spark_jobs.pipeline.expressions import check, check_condition, check_value
from spark_jobs.pipeline.field_types import FieldType, field_type

ZONE = "Europe/Zurich"
KINDS: dict[str, FieldType] = {
    "cost": field_type("decimal(12,6)"),
    "clicks": field_type("long"),
    "channel": field_type("string"),
    "is_new": field_type("boolean"),
    "born": field_type("date"),
    "seen": field_type("timestamp"),
    "packed": FieldType("binary"),
}


DATED = "CASE WHEN NOT TRY_CAST(`channel` AS DATE) IS NULL THEN TRY_CAST(`channel` AS TIMESTAMP) END"


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("channel <> 'test'", "`channel` <> 'test'"),
        ("cost * 0.9", "TRY_MULTIPLY(`cost`, 0.9)"),
        ("cost + clicks - 1", "TRY_SUBTRACT(TRY_ADD(`cost`, `clicks`), 1)"),
        ("cost / 0", "TRY_DIVIDE(`cost`, TRY_CAST(0 AS DECIMAL(19, 0)))"),
        ("clicks / 2", "TRY_DIVIDE(TRY_CAST(`clicks` AS DECIMAL(19, 0)), TRY_CAST(2 AS DECIMAL(19, 0)))"),
        ("clicks div 2", "CASE WHEN 2 = -1 THEN TRY_SUBTRACT(0, `clicks`) ELSE `clicks` DIV NULLIF(2, 0) END"),
        ("substring(channel, clicks, 3)", "SUBSTRING(`channel`, TRY_CAST(`clicks` AS INT), 3)"),
        ("clicks % 2", "TRY_MOD(`clicks`, 2)"),
        ("-cost", "TRY_SUBTRACT(0, `cost`)"),
        ("abs(cost)", "CASE WHEN `cost` < 0 THEN TRY_SUBTRACT(0, `cost`) ELSE `cost` END"),
        ("CASE WHEN is_new THEN -cost ELSE cost END", "CASE WHEN `is_new` THEN TRY_SUBTRACT(0, `cost`) ELSE `cost` END"),
        ("if(is_new, 1, 2)", "CASE WHEN `is_new` THEN 1 ELSE 2 END"),
        ("not (is_new or clicks > 1)", "NOT (`is_new` OR `clicks` > 1)"),
        ("channel not in ('a', 'b')", "NOT `channel` IN ('a', 'b')"),
        ("cost between 1 and 2.5", "`cost` BETWEEN 1 AND 2.5"),
        ("channel like 'x%'", "`channel` LIKE 'x%'"),
        ("cost is not null", "NOT `cost` IS NULL"),
        ("is_new is true", "`is_new` IS TRUE"),
        ("coalesce(cost, 0)", "COALESCE(`cost`, 0)"),
        ("greatest(cost, clicks)", "GREATEST(`cost`, `clicks`)"),
        ("upper(trim(channel)) || '!'", "CONCAT(UPPER(TRIM(`channel`)), '!')"),
        ("substring(channel, 1, 3)", "SUBSTRING(`channel`, 1, 3)"),
        ("length(channel)", "LENGTH(`channel`)"),
        ("round(cost, 2)", "ROUND(`cost`, 2)"),
        ("cast(channel as decimal(10,2))", "TRY_CAST(`channel` AS DECIMAL(10, 2))"),
        ("channel::int", "TRY_CAST(`channel` AS INT)"),
        ("cast(seen as date)", "TRY_CAST(FROM_UTC_TIMESTAMP(`seen`, 'Europe/Zurich') AS DATE)"),
        ("hour(event_time)", "HOUR(FROM_UTC_TIMESTAMP(`event_time`, 'Europe/Zurich'))"),
        ("year(born)", "YEAR(`born`)"),
        ("seen > timestamp'2024-01-01'", "`seen` > TRY_CAST('2024-01-01' AS TIMESTAMP)"),
        (
            "cast(channel as timestamp)",
            "CASE WHEN NOT TRY_CAST(`channel` AS DATE) IS NULL THEN TRY_CAST(`channel` AS TIMESTAMP) END",
        ),
        ("clicks -- what is not read", "`clicks`"),
        ("partition = 0 and offset > 5", "`partition` = 0 AND `offset` > 5"),
    ],
)
def test_what_is_allowed_is_rewritten_so_that_it_cannot_fail(text: str, sql: str) -> None:
    assert check(text, KINDS, ZONE).sql == sql


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channel > 5", "channel is a text, 5 is a number; CAST makes one of the other"),
        ("cost and is_new", "'cost' is a number, and 'cost AND is_new' needs true or false there"),
        ("channel + 1", "needs a number there"),
        ("upper(cost)", "needs a text there"),
        ("chanel = 'x'", "there is no field chanel; did you mean channel?"),
        ("t.channel = 'x'", "there is no field t.channel"),
        ("packed is null", "packed is a binary, which no expression can read"),
        ("1e3 > cost", "1e3 is no exact number"),
        ("cast(cost as double)", "expected one of STRING, BIGINT"),
        ("cast(seen as string)", "needs a text or a number or true or false or a date there"),
        ("cast('12:30' as timestamp) < seen", "'12:30' is no time, which begins with its year"),
        ("seen > timestamp'now'", "'now' is no time, which begins with its year"),
        ("to_timestamp(channel, 'HH:mm') < seen", "is not allowed in an expression"),
        ("now() > seen", "is not allowed in an expression"),
        ("current_date", "is not allowed in an expression"),
        ("rand() < 0.5", "is not allowed in an expression"),
        ("uuid() = channel", "is not allowed in an expression"),
        ("raise_error('x')", "is not allowed in an expression"),
        ("repeat(channel, 1000000000)", "is not allowed in an expression"),
        ("channel rlike '(a+)+'", "is not allowed in an expression"),
        ("(select max(cost) from x) > 1", "is not allowed in an expression"),
        ("exists (select 1)", "is not allowed in an expression"),
        ("sum(cost)", "is not allowed in an expression"),
        ("cost over ()", "cannot be read"),
        ("java_method('java.lang.System', 'exit', 1)", "is not allowed in an expression"),
        ("channel in (select 1)", "expected a list of values behind IN"),
        ("channel like born", "expected a text in quotes behind LIKE"),
        ("case clicks when 1 then 2 end", "CASE needs its conditions behind WHEN"),
        ("round(cost, clicks)", "expected a number of digits"),
        ("floor(cost, 2)", "have one argument"),
        ("trim(both 'x' from channel)", "only its first argument"),
        ("cost; drop table x", "is not one expression"),
        ("", "is not one expression"),
        ("cost +", "cannot be read"),
        ("'half", "cannot be read"),
        ("(" * 900 + "cost" + ")" * 900, "is not read"),
        (" + ".join(["cost"] * 150), "of more than 200 parts"),
    ],
)
def test_what_is_not_allowed_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check(text, KINDS, ZONE)


def test_it_is_known_which_fields_an_expression_reads() -> None:
    assert check("coalesce(cost, 0) > 1 or channel = 'x'", KINDS, ZONE).names == {"cost", "channel"}


def test_a_condition_is_true_or_false() -> None:
    assert check_condition("cost > 0", KINDS, ZONE).category == "boolean"
    with pytest.raises(ValueError, match=r"'cost \+ 1' is a number; expected a condition"):
        check_condition("cost + 1", KINDS, ZONE)


def test_a_value_is_cut_to_the_type_of_its_field() -> None:
    wanted = field_type("decimal(12,6)")
    assert check_value("cost * 0.9", KINDS, ZONE, wanted).sql == "TRY_CAST(TRY_MULTIPLY(`cost`, 0.9) AS DECIMAL(12,6))"
    assert check_value("null", KINDS, ZONE, wanted).sql == "TRY_CAST(NULL AS DECIMAL(12,6))"
    with pytest.raises(ValueError, match="'channel' is a text, and the field is a long"):
        check_value("channel", KINDS, ZONE, field_type("long"))


@pytest.mark.parametrize("type_", ["decimal(39,2)", "decimal(99,2)", "decimal(2,5)", "decimal(0,0)"])
def test_a_decimal_that_spark_does_not_know_is_refused(type_: str) -> None:
    with pytest.raises(ValueError, match="has to have 1 to 38 digits"):
        check(f"cast(channel as {type_})", KINDS, ZONE)


def test_a_symmetric_between_is_refused() -> None:
    with pytest.raises(ValueError, match="without SYMMETRIC"):
        check("cost between symmetric 5 and 1", KINDS, ZONE)

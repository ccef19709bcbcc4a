"""That Spark reads each checked expression as it was meant, and that no row makes one of them fail."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from spark_jobs.pipeline.expressions import check, check_value
from spark_jobs.pipeline.field_types import FieldType, field_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TYPES = {
    "cost": "decimal(12,6)",
    "clicks": "long",
    "channel": "string",
    "is_new": "boolean",
    "born": "date",
    "seen": "timestamp",
}
KINDS: dict[str, FieldType] = {name: field_type(text) for name, text in TYPES.items()}
LARGEST, LONGEST = Decimal("999999.999999"), 2**63 - 1
AT_NIGHT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
ROW: dict[str, Any] = {
    **{"partition": 0, "offset": 7, "event_time": AT_NIGHT},
    **{"cost": Decimal("2.500000"), "clicks": 3, "channel": "it's \\ \U0001f600", "is_new": True},
    **{"born": date(2000, 2, 29), "seen": AT_NIGHT},
}
EXTREMES = [
    ROW,
    ROW | {"cost": LARGEST, "clicks": LONGEST, "channel": "NaN"},
    ROW | {"cost": -LARGEST, "clicks": -LONGEST - 1, "channel": ""},
    ROW | {"cost": Decimal(0), "clicks": 0, "channel": "1e9999"},
    ROW | dict.fromkeys(KINDS),
]
VALUES: list[tuple[str, Any]] = [
    ("cost * 0.9", Decimal("2.2500000")),
    ("clicks / 2", Decimal("1.5")),
    ("clicks div 2", 1),
    ("clicks div -1", -3),
    ("clicks div (clicks - 4)", -3),
    ("substring(channel, clicks, 2)", "'s"),
    ("substring(channel, 1, clicks * clicks)", ROW["channel"]),
    ("clicks % 2", 1),
    ("-cost", Decimal("-2.5")),
    ("abs(cost - 10)", Decimal("7.5")),
    ("cost / (clicks - 3)", None),
    ("clicks div (clicks - 3)", None),
    ("clicks * clicks * clicks", 27),
    ("cast(channel as decimal(18,6))", None),
    ("cast(channel as int) + 1", None),
    ("cast(channel as date)", None),
    ("cast('12.5' as decimal(4,1))", Decimal("12.5")),
    ("channel = 'it\\'s \\\\ \U0001f600'", True),
    ("upper(substring(channel, 1, 4)) || '!'", "IT'S!"),
    ("length(channel)", 8),
    ("channel like 'it%'", True),
    ("hour(event_time)", 2),
    ("day(seen)", 25),
    ("cast(seen as date)", date(2026, 10, 25)),
    ("year(born) * 100 + month(born)", 200002),
    ("case when is_new then -cost else cost end", Decimal("-2.5")),
    ("round(cost)", Decimal(3)),
    ("floor(-cost)", Decimal(-3)),
    ("coalesce(null, cost, 1)", Decimal("2.5")),
    ("nullif(clicks, 3)", None),
    ("greatest(clicks, 5)", 5),
    ("clicks in (1, 2, 3) and not (cost between 3 and 4)", True),
    ("offset = 7 and partition = 0", True),
]


@pytest.fixture(scope="module")
def rows(spark: "SparkSession") -> "DataFrame":
    columns = {"partition": "int", "offset": "bigint", "event_time": "timestamp"}
    columns |= {name: kind.spark for name, kind in KINDS.items()}
    schema = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return spark.createDataFrame([tuple(row[name] for name in columns) for row in EXTREMES], schema)


def test_spark_works_out_what_was_meant_and_no_row_makes_it_fail(rows: "DataFrame") -> None:
    checked = [check(text, KINDS, "Europe/Zurich").sql for text, _ in VALUES]
    found = rows.select(*(F.expr(sql).alias(f"e{number}") for number, sql in enumerate(checked))).toArrow().to_pylist()
    assert len(found) == len(EXTREMES)
    assert [found[0][f"e{number}"] for number in range(len(VALUES))] == [value for _, value in VALUES]


@pytest.mark.parametrize(("wanted", "value"), [("decimal(4,1)", Decimal("2.3")), ("long", 2), ("decimal(2,2)", None)])
def test_a_value_is_rounded_half_up_to_its_field_and_null_where_it_does_not_fit(
    rows: "DataFrame", wanted: str, value: Any
) -> None:
    sql = check_value("cost * 0.9", KINDS, "UTC", field_type(wanted)).sql
    assert rows.select(F.expr(sql).alias("e")).toArrow()["e"].to_pylist()[0] == value


TIMES = [
    *("12:30", "T12:30", "t12:30", " 12:30", "\t1:2:3", "\x0012:30", "T12", "12:30:00.5", "12:30Z", "T12:30+01:00", "0:0"),
    *("now", "today", "tomorrow", "yesterday", "epoch", "NOW", "now UTC", "12", "Z", "T", "", "0012:30", "+12:30"),
]
DATED = {
    "2026-01-02 12:30": datetime(2026, 1, 2, 12, 30, tzinfo=UTC),
    " 2026-01-02T12:30:00.5+01:00 ": datetime(2026, 1, 2, 11, 30, 0, 500_000, tzinfo=UTC),
    "2026-1-2": datetime(2026, 1, 2, tzinfo=UTC),
    "2026": datetime(2026, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("type_", ["timestamp", "date"])
def test_no_text_is_a_time_that_depends_on_the_day_of_the_run(spark: "SparkSession", type_: str) -> None:
    texts = spark.createDataFrame([(one,) for one in [*TIMES, *DATED]], "channel string")
    sql = check(f"cast(channel as {type_})", KINDS, "UTC").sql
    found = dict(zip([*TIMES, *DATED], texts.select(F.expr(sql).alias("e")).toArrow()["e"].to_pylist(), strict=True))
    assert {text: value for text, value in found.items() if value is not None} == {
        text: value if type_ == "timestamp" else value.date() for text, value in DATED.items()
    }

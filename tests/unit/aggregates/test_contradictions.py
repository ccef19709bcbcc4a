"""States that no readings add up to are noticed, and those of any readings never are."""

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.aggregates.aggregate import Aggregate, Measure
from spark_jobs.aggregates.contradictions import contradictions
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.states import PLACE, VALUE, Count, Counted, Extreme, Picked, SquareSum, State, Sum
from spark_jobs.aggregates.windows import Window

pytestmark = [pytest.mark.group("FZ"), pytest.mark.proves("F97")]

OF_VALUE, OF_NAME = Counted("value"), Counted("name", "is_known")
STATES: tuple[State, ...] = (
    Sum("s", OF_VALUE, 6),
    Count("n", OF_VALUE),
    SquareSum("q", OF_VALUE, 6),
    Extreme("low", OF_VALUE, VALUE, "min"),
    Extreme("high", OF_VALUE, VALUE, "max"),
    Picked("first", "value", OF_VALUE, tuple(PLACE), VALUE, is_last=False),
    Extreme("from", OF_NAME, pa.string(), "min"),
    Extreme("to", OF_NAME, pa.string(), "max"),
)
DECLARED = Aggregate("a", (Window("day"),), Count("records", None), (Measure(STATES, (), ()),))
WHOLE = {"s": "6", "n": 3, "q": "14", "low": "1", "high": "3", "first": "2", "from": "ada", "to": "bob", "records": 4}
NO_VALUE = dict.fromkeys(("s", "q", "low", "high", "first")) | {"n": 0}

DAY = {"batch": 2, "partition": 0, "date": date(2026, 5, 3)}


def told(aggregate: Aggregate, row: dict[str, Any]) -> list[str]:
    texts = {"from", "to"}
    typed = {name: Decimal(one) if isinstance(one, str) and name not in texts else one for name, one in row.items()}
    return [said for _, said in contradictions(aggregate, [typed]) if said]


def day(total: str, count: int, least: str, greatest: str) -> dict[str, Any]:
    return {**DAY, "value_sum": total, "value_count": count, "value_min": least, "value_max": greatest}


@pytest.mark.parametrize(
    "row",
    [
        day("10.75", 1, "11.75", "10.75"),
        day("10.75", 1, "9.75", "10.75"),
        day("10.75", 1, "10.75", "11.75"),
        day("11.75", 1, "10.75", "10.75"),
        day("3", 2, "1", "3"),
        day("6", 3, "4", "3"),
        # The sum lies between three times each, and one of them would have to be both the least and the greatest.
        day("4", 3, "1", "3"),
        day("8", 3, "1", "3"),
    ],
)
def test_a_day_that_no_readings_add_up_to_is_told_with_its_values(row: dict[str, Any]) -> None:
    (said,) = told(DAILY_AVERAGE, row)
    assert said == ", ".join(f"{name} {row[name]}" for name in ("value_sum", "value_count", "value_min", "value_max"))


@pytest.mark.parametrize(
    "row", [day("10.75", 1, "10.75", "10.75"), day("4", 2, "1", "3"), day("5", 3, "1", "3"), day("7", 3, "1", "3")]
)
def test_a_day_that_some_readings_add_up_to_is_not(row: dict[str, Any]) -> None:
    assert told(DAILY_AVERAGE, row) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, []),
        (NO_VALUE, []),
        ({"from": None, "to": None}, []),
        ({"low": None}, ["s"]),
        ({"n": 0}, ["s"]),
        (NO_VALUE | {"first": "2"}, ["s"]),
        ({"q": "11"}, ["s"]),
        ({"q": "16"}, ["s"]),
        ({"first": "0"}, ["s"]),
        ({"first": "4"}, ["s"]),
        ({"to": "abe"}, ["from"]),
        ({"to": None}, ["from"]),
    ],
)
def test_states_of_the_same_values_are_held_against_each_other(changed: dict[str, Any], names: list[str]) -> None:
    assert [one.split()[0] for one in told(DECLARED, WHOLE | changed)] == names


@given(
    units=st.lists(st.integers(-(10**12) + 1, 10**12 - 1), max_size=8),
    names=st.lists(st.text(), max_size=3),
    picked=st.integers(min_value=0),
)
def test_what_any_readings_add_up_to_is_never_told(units: list[int], names: list[str], picked: int) -> None:
    with localcontext(prec=80):
        values = [Decimal(one).scaleb(-6) for one in units]
        total, squares = sum(values, Decimal()), sum((one * one for one in values), Decimal())
    numbers = {"s": total, "q": squares, "low": min(values, default=None), "high": max(values, default=None)}
    row = {
        **(numbers | {"first": values[picked % len(values)]} if values else NO_VALUE),
        **{
            "n": len(values),
            "records": len(values) + len(names),
            "from": min(names, default=None),
            "to": max(names, default=None),
        },
    }
    assert list(contradictions(DECLARED, [row])) == [(row, None)]

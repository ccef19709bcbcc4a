"""Results of measures against exact fractions, and that states merge in any order."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.aggregates.grouping import merged_by_group
from spark_jobs.aggregates.results import Average, Variance, average, spread
from spark_jobs.aggregates.states import PLACE, VALUE, Count, Counted, Extreme, Picked, Row, SquareSum, State, Sum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OF_VALUE = Counted("value")
STATES: list[State] = [
    Sum("s", OF_VALUE, 6),
    SquareSum("q", OF_VALUE, 6),
    Extreme("low", OF_VALUE, VALUE, "min"),
    Extreme("high", OF_VALUE, VALUE, "max"),
]


def millionths(exact: Fraction) -> int:
    """Rounded half up, away from zero."""
    whole = floor(abs(exact) * 10**6 + Fraction(1, 2))
    return whole if exact >= 0 else -whole


@given(units=st.integers(-(10**32), 10**32), scale=st.integers(0, 18), count=st.integers(1, 10**9))
@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_averages_of_any_scale_are_the_nearest_millionth(units: int, scale: int, count: int) -> None:
    found = average(Decimal(f"{units}e-{scale}"), count, scale)
    assert Fraction(found) * 10**6 == millionths(Fraction(units, count * 10**scale))


@given(values=st.lists(st.integers(-(10**12) + 1, 10**12 - 1), min_size=2, max_size=30), scale=st.integers(0, 12))
@pytest.mark.group("FZ")
@pytest.mark.proves("F97")
def test_variance_and_its_root_are_the_nearest_millionths(values: list[int], scale: int) -> None:
    count, unit = len(values), Fraction(1, 10**scale)
    mean = Fraction(sum(values), count)
    exact = sum(((one - mean) ** 2 for one in values), Fraction()) / (count - 1) * unit**2
    with localcontext(prec=80):
        total = Decimal(sum(values)).scaleb(-scale)
        squares = Decimal(sum(one * one for one in values)).scaleb(-2 * scale)
    assert Fraction(spread(total, squares, count, is_rooted=False)) * 10**6 == millionths(exact)
    root = Fraction(spread(total, squares, count, is_rooted=True)) * 10**6
    assert root.denominator == 1
    assert max(root - Fraction(1, 2), Fraction(0)) ** 2 <= exact * 10**12 < (root + Fraction(1, 2)) ** 2


def test_of_too_few_values_there_is_no_result() -> None:
    count = Count("n", OF_VALUE)
    sums, squares = Sum("s", OF_VALUE, 2), SquareSum("q", OF_VALUE, 2)
    row = {"s": None, "q": None, "n": 0}
    assert Average("a", sums, count, VALUE).of(row) is None
    for is_rooted in (False, True):
        of_one = {"s": Decimal("1.50"), "q": Decimal("2.2500"), "n": 1}
        spread_out = Variance("v", sums, squares, count, is_rooted)
        assert (spread_out.of(row), spread_out.of(of_one)) == (None, None)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.column)
def test_python_merges_as_arrow_does_and_null_is_nothing(state: State) -> None:
    values = [Decimal("1.500000"), None, Decimal("-2.000000"), None]
    scaled = [one if one is None else one.quantize(Decimal(1).scaleb(-state.type.scale)) for one in values]
    rows = [{"g": 1, state.column: one} for one in scaled]
    table = pa.Table.from_pylist(rows, pa.schema([("g", pa.int64()), (state.column, state.type)]))
    (merged,) = merged_by_group(table, ["g"], [state]).to_pylist()
    found: Row = {state.column: None}
    for row in rows:
        found = {state.column: state.both(found, row)}
    assert found[state.column] == merged[state.column]
    nothing = {state.column: None}
    assert state.both(nothing, nothing) is None


Reading = tuple[int, int, int | None, bool | None]
READINGS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.none() | st.integers(-99, 99), st.none() | st.booleans()), max_size=12
)
"""Group, time, value, and whether it counts; the offset is the place in the list."""

PLACES = ("p_time", "p_partition", "p_offset")
OF_READING, WHOLE = Counted("value", "counts"), pa.decimal128(12, 0)
EACH: dict[str, list[State]] = {
    "sum": [Sum("x", OF_READING, 0)],
    "count": [Count("x", OF_READING)],
    "all": [Count("x", None)],
    "squares": [SquareSum("x", OF_READING, 0)],
    "min": [Extreme("x", OF_READING, WHOLE, "min")],
    "max": [Extreme("x", OF_READING, WHOLE, "max")],
    **{
        name: [
            Picked(column, part, OF_READING, PLACES, kind, is_last=name == "last")
            for column, part, kind in (
                ("x", "value", WHOLE),
                *((column, part, PLACE[part]) for column, part in zip(PLACES, PLACE, strict=True)),
            )
        ]
        for name in ("first", "last")
    },
}


def plainly(name: str, values: list[tuple[int, int]], rows: int) -> int | None:
    """The state of a group by its values in the order of their places, and the number of its readings."""
    found = [value for _, value in values]
    match name:
        case "all":
            return rows
        case "count":
            return len(found)
        case "squares":
            return sum(one * one for one in found) if found else None
        case "sum":
            return sum(found) if found else None
        case "min" | "max":
            return {"min": min, "max": max}[name](found) if found else None
    return found[0 if name == "first" else -1] if found else None


@pytest.mark.parametrize("name", EACH)
@settings(deadline=None)
@given(readings=READINGS)
@pytest.mark.proves("F96", "F97")
def test_states_of_each_reading_merge_to_the_state_of_all(name: str, readings: list[Reading]) -> None:
    """In Arrow, and two by two in plain Python."""
    rows = [
        {
            "g": group,
            "event_time": EPOCH + timedelta(seconds=at),
            "partition": 0,
            "offset": offset,
            "value": value,
            "counts": on,
        }
        for offset, (group, at, value, on) in enumerate(readings)
    ]
    table = pa.Table.from_pylist(rows, pa.schema([("g", pa.int64()), *PLACE.items(), ("value", WHOLE), ("counts", pa.bool_())]))
    states = EACH[name]
    each = pa.table({"g": table["g"], **{one.column: one.of_each(table) for one in states}})
    merged = {row["g"]: row["x"] for row in merged_by_group(each, ["g"], states).to_pylist()}
    folded: dict[int, dict[str, Any]] = {}
    for row in each.to_pylist():
        before = folded.get(row["g"])
        folded[row["g"]] = {one.column: one.both(before, row) for one in states} if before else row
    places: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for offset, (group, at, value, on) in enumerate(readings):
        if value is not None and on:
            places[group].append((at, offset, value))
    wanted = {
        group: plainly(name, [(at, value) for at, _, value in sorted(places[group])], sum(one[0] == group for one in readings))
        for group in {one[0] for one in readings}
    }
    assert merged == wanted
    assert {group: row["x"] for group, row in folded.items()} == wanted


def test_a_condition_leaves_out_what_it_is_not_true_for() -> None:
    assert OF_READING.sql == "CASE WHEN `counts` THEN `value` END"
    assert (OF_READING.columns, Counted("value").sql) == (("value", "counts"), "`value`")

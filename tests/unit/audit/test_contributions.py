"""Contributions that nothing can be reckoned with are told, whatever records and totals say."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.states import Count
from spark_jobs.audit.tables import without_broken, without_contradictions
from spark_jobs.lake.schemas import layout_of
from tests.declared.rows import rules

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F97")]

DAY = {"batch": 2, "partition": 0, "date": date(2026, 5, 3), "value_sum": Decimal("10.75"), "value_count": 1}


def row(least: str, greatest: str) -> dict[str, Any]:
    return {**DAY, "value_min": Decimal(least), "value_max": Decimal(greatest)}


def test_a_contribution_whose_least_value_is_above_its_greatest_is_told_where_nothing_else_tells_of_it() -> None:
    right, wrong = row("10.75", "10.75"), row("11.75", "10.75")
    whole, (found,) = without_contradictions(DAILY_AVERAGE, [right, wrong])
    assert whole == [right]
    assert (found.where, found.partition) == ("table contributions", 0)
    assert "batch 2, partition 0, 2026-05-03: no readings add up to value_sum 10.75, value_count 1, value_min 11.75" in str(found)


@pytest.mark.parametrize("number", [0, None])
def test_a_declared_contribution_without_a_number_of_values_is_told(number: int | None) -> None:
    (daily,) = layout_of(rules("daily")).aggregates
    keys = {one.column: "x" for one in daily.keys} | {daily.window.column: date(2026, 5, 3)}
    others = [one.column for one in daily.states if isinstance(one, Count) and one != daily.count]
    one = {**dict.fromkeys(daily.contributions.names), **keys, "batch": 1, daily.count.column: 3, **dict.fromkeys(others, number)}
    assert others
    whole, broken = without_broken(daily, "here", [one])
    assert (len(whole), len(broken)) == ((1, 0) if number == 0 else (0, 1))

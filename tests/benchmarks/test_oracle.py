"""A contestant whose averages are not what was sent must be told so, whatever is wrong with them."""

from decimal import Decimal

import pyarrow as pa
import pytest

from benchmarks.loads import Portion
from benchmarks.oracle import Averages, Key, Oracle
from spark_jobs.local.demo.readings import Missing, Readings

FIRST, SECOND = (0, "2006-12-16"), (1, "2006-12-17")
RIGHT: dict[Key, tuple[Decimal, int]] = {FIRST: (Decimal("234.333333"), 3), SECOND: (Decimal("240.5"), 1)}


@pytest.fixture
def oracle() -> Oracle:
    times = ["2006-12-16 10:00:00", "2006-12-16 10:01:00", "2006-12-16 10:02:00", "2006-12-17 00:00:00"]
    readings = Readings(pa.array(times), pa.array(["234.0", "234.5", "234.5", "240.5"]))
    days = [Missing(day, partition, 0) for partition, day in enumerate(readings.days)]
    told = Oracle()
    told.add(Portion(readings, tuple(days)))
    return told


def test_the_right_averages_are_right(oracle: Oracle) -> None:
    assert oracle.objection(RIGHT, exact=True) is None
    assert oracle.objection_to_output({key: average for key, (average, _) in RIGHT.items()}, exact=True) is None


@pytest.mark.parametrize(
    ("found", "objection"),
    [
        ({FIRST: RIGHT[FIRST]}, "1 days are missing or too many"),
        ({**RIGHT, (1, "2006-12-18"): (Decimal(1), 1)}, "1 days are missing or too many"),
        ({**RIGHT, FIRST: (RIGHT[FIRST][0], 4)}, "counts 4 readings, 3 were sent"),
        ({**RIGHT, FIRST: (Decimal("234.333334"), 3)}, "has the average 234.333334, not 234.333333"),
    ],
)
def test_other_averages_are_told_what_is_wrong(oracle: Oracle, found: Averages, objection: str) -> None:
    told = oracle.objection(found, exact=True)
    assert told is not None
    assert objection in told


@pytest.mark.parametrize(("average", "is_right"), [("234.33333333333334", True), ("234.3333336", False)])
def test_sums_of_doubles_may_differ_by_what_doubles_cannot_tell(oracle: Oracle, average: str, is_right: bool) -> None:
    found = {**RIGHT, FIRST: (Decimal(average), 3)}
    assert (oracle.objection(found, exact=False) is None) == is_right


def test_an_output_topic_that_lacks_a_day_is_not_right(oracle: Oracle) -> None:
    assert "lacks or invents 1 days" in (oracle.objection_to_output({FIRST: RIGHT[FIRST][0]}, exact=True) or "")


def test_an_output_topic_with_another_average_is_not_right(oracle: Oracle) -> None:
    published = {FIRST: Decimal("234.3"), SECOND: Decimal("240.5")}
    assert "has the average 234.3 for" in (oracle.objection_to_output(published, exact=True) or "")

"""What topics are loaded with is what the works say."""

from collections import Counter
from itertools import chain

import pytest

from benchmarks.loads import Portion, Shape, load_of, newest_records, split
from spark_jobs.local.demo.readings import find_csv, read_readings


def dates(portions: list[Portion]) -> list[str]:
    return [day.day.date for portion in portions for day in portion.days]


@pytest.fixture(scope="module")
def thinned() -> list[Portion]:
    return load_of(Shape(copies=3, every=100))


def test_copies_are_earlier_years_and_share_no_day(thinned: list[Portion]) -> None:
    found = dates(thinned)
    assert len(set(found)) == 3 * len(read_readings(find_csv()).days)
    assert found == sorted(found)
    assert [portion.days[0].day.date for portion in thinned] == ["1998-12-16", "2002-12-16", "2006-12-16"]


def test_a_copy_has_the_times_of_day_and_the_values_of_the_original(thinned: list[Portion]) -> None:
    copy, original = thinned[0].readings, thinned[-1].readings
    assert copy.values.equals(original.values)
    assert [moment[11:] for moment in copy.times.to_pylist()] == [moment[11:] for moment in original.times.to_pylist()]


def test_nine_of_ten_days_lie_on_one_partition() -> None:
    (portion,) = load_of(Shape(every=100, skewed=True))
    share = Counter(day.partition for day in portion.days)
    assert set(share) == {0, 1, 2, 3}
    assert 0.88 < share[0] / len(portion.days) < 0.92


def test_wide_messages_have_the_size_and_still_the_reading() -> None:
    (plain,), (wide,) = load_of(Shape()), load_of(Shape(message_bytes=2048))
    day = plain.days[0]
    for short, long in zip(plain.readings.messages(day), wide.readings.messages(day), strict=True):
        assert long.startswith(short[:-1] + b", ")
        assert len(long) == 2048


def test_increments_and_history_are_everything_but_the_last_evening(thinned: list[Portion]) -> None:
    history, increments = split(thinned, increments=5, days=4)
    assert [len(one.days) for one in increments] == [4] * 5
    assert dates([*history, *increments]) == dates(thinned)[:-1]


def test_only_the_newest_days_are_kept_of_too_many(thinned: list[Portion]) -> None:
    kept = newest_records(thinned, 25_000)
    assert sum(portion.count for portion in kept) == pytest.approx(25_000, abs=15)
    assert dates(kept) == dates(thinned)[-len(list(chain(*(portion.days for portion in kept)))) :]


def test_nothing_is_kept_of_none(thinned: list[Portion]) -> None:
    assert newest_records(thinned, 0) == []

"""The events of advertising are what the works say, and a contestant whose totals are wrong must be told so."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.ads import AdHour, AdOracle, AdShape, Key, Total
from benchmarks.contestants.results import csv_totals
from benchmarks.pieces import pieces_of
from benchmarks.works import WORKS, tiny

SHAPE = AdShape(hours=3, per_hour=2_000, users=50)
CHANNELS = {"search", "mail", "social", "video", "affiliate"}
Found = dict[Key, Total]


@pytest.fixture(scope="module")
def sent() -> list[AdHour]:
    return [AdHour(SHAPE, number) for number in (20, 30, 31)]


@pytest.fixture(scope="module")
def oracle(sent: list[AdHour]) -> AdOracle:
    told = AdOracle(SHAPE)
    for hour in sent:
        told.add(hour)
    return told


def test_messages_are_what_the_oracle_counts(sent: list[AdHour], oracle: AdOracle) -> None:
    counted: dict[Key, tuple[int, Decimal, set[str]]] = {}
    ends = dict.fromkeys(range(SHAPE.partitions), 0)
    for one in (message for hour in sent for message in hour.messages()):
        event = json.loads(one.value, parse_float=Decimal)
        assert one.key.decode() == event["user"]
        assert event["channel"] in CHANNELS
        assert re.fullmatch(r".*\.\d{3}Z", event["ts"])
        hour_text = datetime.fromisoformat(event["ts"]).isoformat()[:13]
        for key in (("hourly", hour_text, event["channel"]), ("daily", hour_text[:10], event["channel"])):
            count, cost, users = counted.get(key, (0, Decimal(0), set()))
            counted[key] = count + 1, cost + event["cost"], users | {event["user"]}
        ends[one.partition] += 1
    assert {key: (count, cost, len(users)) for key, (count, cost, users) in counted.items()} == oracle.totals
    assert oracle.ends(SHAPE.partitions) == ends
    assert oracle.count == 6_000
    assert {window for _, window, _ in oracle.totals} >= {
        "2026-03-01T20",
        "2026-03-02T06",
        "2026-03-02T07",
        "2026-03-01",
        "2026-03-02",
    }


def test_some_come_late_and_all_are_the_same_again(sent: list[AdHour]) -> None:
    last = list(sent[-1].events())
    late = [at for at, *_ in last if at < 31 * 3_600_000]
    assert 10 < len(late) < 100
    assert last == list(AdHour(SHAPE, 31).events())
    assert last != list(sent[0].events())


def without_one(found: Found) -> None:
    del found[min(found)]


def with_one_more(found: Found) -> None:
    found["hourly", "2026-04-01T00", "search"] = (1, Decimal(1), 1)


def with_another(events: int = 0, millionths: int = 0, users: int = 0) -> Callable[[Found], None]:
    def change(found: Found) -> None:
        last = max(found)
        count, cost, different = found[last]
        found[last] = count + events, cost + Decimal(millionths).scaleb(-6), different + users

    return change


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        (without_one, "1 groups are missing or too many"),
        (with_one_more, "1 groups are missing or too many"),
        (with_another(events=1), "1 groups are wrong"),
        (with_another(millionths=1), "1 groups are wrong"),
        (with_another(users=1), "1 groups are wrong"),
    ],
)
def test_other_totals_are_told_what_is_wrong(oracle: AdOracle, change: Callable[[Found], None], objection: str) -> None:
    found = dict(oracle.totals)
    assert oracle.objection(found) is None
    change(found)
    assert objection in (oracle.objection(found) or "")


def test_a_group_that_is_stored_twice_is_an_error(tmp_path: Path) -> None:
    for name in ("hourly", "daily"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text("2026-03-01T09,mail,2,0.5,1\n")
    assert csv_totals(tmp_path)["daily", "2026-03-01T09", "mail"] == (2, Decimal("0.5"), 1)
    (tmp_path / "daily" / "other").write_text("2026-03-01T09,mail,2,0.5,1\n")
    with pytest.raises(ValueError, match="1 groups are stored twice"):
        csv_totals(tmp_path)


def test_every_person_is_a_group_where_it_is_by_user() -> None:
    shape = AdShape(hours=1, per_hour=200, users=100, by_user=True)
    told = AdOracle(shape)
    told.add(AdHour(shape, 0))
    assert sorted(count for count, _, _ in told.totals.values()) == [2] * 100


@pytest.mark.parametrize("name", ["ads", "ads_run_1000", "ads_people"])
def test_events_come_hour_by_hour_before_the_increments_and_in_them(name: str) -> None:
    work = tiny(WORKS[name])
    assert isinstance(work.shape, AdShape)
    history, increments = pieces_of(work.shape, work.records, 2)
    assert len(history) == work.shape.hours
    assert [one.count for one in increments] == [work.shape.per_hour] * 2
    assert sum(one.count for one in history) <= 7_000

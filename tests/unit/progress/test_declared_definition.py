"""What may change in a pipeline file that declares aggregates: nothing that tables have columns of, and nothing in silence."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.definition import Definition, changes, defined_now, fixed_changes
from spark_jobs.progress.offsets import Partition, Topic

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OUTPUT = Topic("out", "id-1", (Partition(0, 0, 0, 0),))
ADS: dict[str, Any] = {
    "name": "ads",
    "kafka": "k",
    "lake": "/lake",
    "input": {
        "topic": "in",
        "time": {"field": "ts", "format": "iso8601"},
        "fields": {"channel": "string", "user": "string", "cost": {"type": "decimal(12,6)", "required": False}},
        "derived": {"net": {"sql": "cost * 0.9", "type": "decimal(12,6)"}},
        "where": "channel <> 'test'",
    },
    "aggregates": {
        "hourly": {"window": "hour", "dimensions": ["channel"], "measures": {"events": "count", "users": {"unique": "user"}}},
        "daily": {
            "window": "day",
            "dimensions": ["channel"],
            "measures": {"net": {"summary": "net"}, "paid": {"count": "cost", "where": "cost > 0"}},
        },
    },
    "output": {"topic": "out"},
}


def definition(changed: dict[str, Any] | None = None, drop: str = "") -> Definition:
    """Of the file with other values by their place, and without one."""
    file = deepcopy(ADS)
    for place, value in (changed or {}).items():
        section, last = section_of(file, place)
        section[last] = value
    if drop:
        section, last = section_of(file, drop)
        del section[last]
    return defined_now(Pipeline.model_validate(file).rules(NOW), frozenset(), OUTPUT)


def section_of(file: dict[str, Any], place: str) -> tuple[dict[str, Any], str]:
    *sections, last = place.split(".")
    for name in sections:
        file = file[name]
    return file, last


FIXED: dict[str, tuple[Any, str, str]] = {
    "aggregates.hourly.window": ("15 minutes", "aggregates.hourly", "hour in UTC so far, 15 minutes in UTC now"),
    "aggregates.hourly.dimensions": (["channel", "user"], "aggregates.hourly", "channel so far, channel, user now"),
    "aggregates.hourly.measures.users": ({"count": "user"}, "aggregates.hourly", "unique of user so far, count of user now"),
    "aggregates.daily.measures.paid": (
        {"count": "cost", "where": "cost > 1"},
        "aggregates.daily",
        "count of cost where `cost` > 0 so far, count of cost where `cost` > 1 now",
    ),
    "input.fields.user": ("long", "input.fields.user", "string, from the field user so far, long, from the field user now"),
}


@pytest.mark.parametrize("place", FIXED)
def test_what_tables_have_columns_of_cannot_change(place: str) -> None:
    value, fixed, told = FIXED[place]
    now = definition({place: value})
    assert fixed in fixed_changes(definition(), now)
    assert f"{place}: {told}" in map(str, changes(definition(), now))


DECIDED: dict[str, Any] = {
    "input.where": "channel <> 'probe'",
    "input.derived.net": {"sql": "cost * 0.8", "type": "decimal(12,6)"},
    "input.fields.channel": {"type": "string", "one_of": ["mail", "web"]},
    "input.fields.cost": {"type": "decimal(12,6)", "required": False, "excess_digits": "reject"},
    "input.fields.device": {"type": "string", "required": False},
    "input.time.field": "at",
}


@pytest.mark.parametrize("place", DECIDED)
def test_what_decides_which_records_count_needs_a_decision(place: str) -> None:
    now = definition({place: DECIDED[place]})
    assert [one.setting for one in changes(definition(), now)] == [place]
    assert fixed_changes(definition(), now) == ()


def test_a_new_aggregate_changes_nothing_and_one_that_is_gone_neither() -> None:
    weekly = {"window": "week", "dimensions": [], "measures": {"events": "count"}}
    more = definition({"aggregates.weekly": weekly})
    less = definition(drop="aggregates.hourly")
    for one, other in ((definition(), more), (more, definition()), (definition(), less)):
        assert (changes(one, other), fixed_changes(one, other)) == ((), ())


def test_the_timezone_changes_the_windows_of_all_aggregates() -> None:
    now = definition({"input.time.timezone": "Europe/Zurich"})
    assert set(fixed_changes(definition(), now)) == {"aggregates.hourly", "aggregates.daily"}


def test_an_aggregate_may_be_published_from_a_batch_on_if_somebody_decides_it() -> None:
    few = definition({"output.aggregates": ["daily"]})
    assert [str(one) for one in changes(few, definition())] == [
        "aggregates.hourly.output: in its tables alone so far, published now"
    ]
    assert fixed_changes(few, definition()) == ()


def test_a_pipeline_of_one_value_cannot_declare_aggregates_later() -> None:
    of_value = {**ADS, "input": {"topic": "in", "time": ADS["input"]["time"], "value": {"field": "cost"}}}
    del of_value["aggregates"]
    before = defined_now(Pipeline.model_validate(of_value).rules(NOW), frozenset(), OUTPUT)
    assert fixed_changes(before, definition()) == ("aggregates",)
    assert "input.value.field: cost so far, nothing now" in map(str, changes(before, definition()))

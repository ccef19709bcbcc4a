"""What a file may declare of fields and aggregates, and the sentence for what does not go together."""

from typing import Any

import pytest
from pydantic import ValidationError

from spark_jobs.pipeline.declared import AggregateSettings, DerivedSettings, Fields, require_consistent, tables_of
from spark_jobs.pipeline.section import Section


class Declared(Section):
    """As much of a file as this is about."""

    fields: Fields
    derived: dict[str, DerivedSettings]
    aggregates: dict[str, AggregateSettings]


ADS = {
    "channel": "string",
    "user": {"path": "user.id", "type": "string"},
    "cost": {"type": "decimal(12,6)", "required": False},
    "device": {"key": "string"},
    "clicks": "long",
    "is_new": "boolean",
    "seen": "timestamp",
    "born": "date",
    "price": "decimal(18,2)",
}
HOURLY = {
    "window": "hour",
    "dimensions": ["channel"],
    "measures": {"events": "count", "cost": {"sum": "cost"}, "users": {"unique": "user"}},
}


def declared(fields: Any = ADS, derived: Any = None, **aggregates: Any) -> Declared:
    found = Declared.model_validate({"fields": fields, "derived": derived or {}, "aggregates": aggregates})
    require_consistent(found.fields, found.derived, found.aggregates)
    return found


def measuring(**measures: Any) -> dict[str, Any]:
    return {"window": "day", "dimensions": [], "measures": measures}


def test_the_shorthand_of_fields_and_measures_means_what_the_long_form_does() -> None:
    found = declared(hourly=HOURLY)
    assert str(found.fields["channel"].kind) == "string"
    assert str(found.fields["cost"].kind) == "decimal(12,6)"
    assert found.fields["device"].key == "string"
    assert not found.fields["cost"].required
    measures = found.aggregates["hourly"].measures
    assert [(name, one.kind, one.field) for name, one in measures.items()] == [
        ("events", "count", None),
        ("cost", "sum", "cost"),
        ("users", "unique", "user"),
    ]


def test_an_aggregate_has_its_own_tables_and_two_more_for_each_keyed_measure() -> None:
    found = declared(hourly=HOURLY)
    tables = ["hourly", "hourly_contributions", "hourly_users", "hourly_users_contributions"]
    assert list(tables_of("hourly", found.aggregates["hourly"])) == tables


def test_a_summary_has_five_results_and_all_else_one() -> None:
    (daily,) = declared(daily=measuring(price={"summary": "price"}, events="count")).aggregates.values()
    assert list(daily.columns) == ["price_sum", "price_count", "price_min", "price_max", "price_average", "events"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("decimal(19,2)", "1 to 18 digits"),
        ("decimal(4,5)", "no more of them after the point"),
        ("double", "no type of a field"),
        ({"path": "a", "key": "string"}, "from path and from key"),
        ({"type": "long", "one_of": ["a"]}, "one_of is for fields of type string"),
        ({"type": "string", "excess_digits": "reject"}, "excess_digits is for decimals"),
        ({"key": "binary", "type": "long"}, "leave type out"),
        ({"typ": "long"}, "Extra inputs"),
    ],
)
def test_a_field_that_does_not_agree_with_itself_is_refused(field: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(")):
        declared({"f": field})


@pytest.mark.parametrize("name", ["Channel", "9x", "a-b", "ä", "", "x" * 64])
def test_a_field_is_named_as_a_column_can_be_in_every_system(name: str) -> None:
    with pytest.raises(ValidationError, match="small letters"):
        declared({name: "string"})


@pytest.mark.parametrize("name", ["partition", "offset", "event_time", "batch", "raw", "rejected_because", "filtered"])
def test_a_field_cannot_take_a_column_of_records(name: str) -> None:
    with pytest.raises(ValueError, match=f"a field cannot be called {name}"):
        declared({name: "string"})


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ({"sum": "channel"}, "channel is a string, which has no sum"),
        ({"average": "seen"}, "seen is a timestamp, which has no average"),
        ({"variance": "price"}, "squares of a decimal(18,2)"),
        ({"stddev": "clicks"}, "squares of a long"),
        ({"min": "is_new"}, "is_new is a boolean, which has no min"),
        ({"unique": "cost"}, "cost is a decimal(12,6)"),
        ({"sum": "costs"}, "there is no field costs; there are channel, user, cost"),
        ({"sum": "cost", "max": "cost"}, "expected one of count"),
        ({"median": "cost"}, "expected one of count"),
        ("sum", "expected count, or one of"),
        ({"where": "x"}, "expected one of count"),
        ({"sum": None}, "sum needs the name of a field"),
        (None, "expected count"),
    ],
)
def test_a_measure_that_cannot_be_is_refused(measure: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        declared(daily=measuring(m=measure))


@pytest.mark.parametrize("name", ["date", "revision", "batch", "window_start", "aggregate", "partition"])
def test_a_measure_cannot_take_a_column_of_totals(name: str) -> None:
    with pytest.raises(ValidationError, match=f"the column {name}, which there is already"):
        declared(daily=measuring(**{name: "count"}))


def test_results_of_two_measures_cannot_have_one_name() -> None:
    with pytest.raises(ValidationError, match="the column price_sum"):
        declared(daily=measuring(price={"summary": "price"}, price_sum={"sum": "price"}))
    with pytest.raises(ValidationError, match="the column channel"):
        declared(daily={**HOURLY, "measures": {"channel": "count"}})


@pytest.mark.parametrize(
    ("measures", "column"),
    [
        ({"a": {"average": "cost"}, "a_sum": {"sum": "cost"}}, "a_sum"),
        ({"a": {"average": "cost"}, "a_count": "count"}, "a_count"),
        ({"a": {"stddev": "cost"}, "a_squares": "count"}, "a_squares"),
        ({"a": {"last": "cost"}, "a_time": {"max": "seen"}}, "a_time"),
        ({"a": {"unique": "user"}, "a_count": "count"}, "a_count"),
        ({"records": {"sum": "cost"}}, "records"),
    ],
)
def test_a_measure_cannot_take_the_place_of_a_part_of_another(measures: dict[str, Any], column: str) -> None:
    with pytest.raises(ValidationError, match=f"column {column}"):
        declared(daily=measuring(**measures))


@pytest.mark.parametrize("name", ["date", "window_start", "revision", "batch", "aggregate"])
def test_a_dimension_cannot_take_a_column_of_totals(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} cannot be a dimension"):
        declared(hourly={**HOURLY, "dimensions": [name]})


@pytest.mark.parametrize("name", ["member", "count"])
def test_a_dimension_cannot_take_a_column_of_members(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} cannot be a dimension beside a measure unique"):
        declared(hourly={**measuring(u={"unique": "user"}), "dimensions": [name]})


@pytest.mark.parametrize("name", ["records", "checkpoints", "contributions", "daily_averages"])
def test_an_aggregate_cannot_take_a_table_that_every_pipeline_has(name: str) -> None:
    with pytest.raises(ValueError, match=f"needs the table {name}, which every pipeline has"):
        declared(**{name: HOURLY})


def test_the_tables_of_two_aggregates_stay_apart() -> None:
    with pytest.raises(ValueError, match=r"needs the table hourly_users, which aggregates\.hourly has"):
        declared(hourly=HOURLY, hourly_users=measuring(events="count"))


@pytest.mark.parametrize(
    ("dimension", "said"), [("price", "is a decimal"), ("seen", "is a timestamp"), ("chanel", "there is no field")]
)
def test_a_dimension_is_a_field_by_which_records_can_be_grouped(dimension: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        declared(hourly={**HOURLY, "dimensions": [dimension]})


def test_a_dimension_stands_there_once() -> None:
    with pytest.raises(ValidationError, match="channel stands there twice"):
        declared(hourly={**HOURLY, "dimensions": ["channel", "channel"]})


def test_partition_key_and_derived_fields_are_dimensions_too() -> None:
    derived = {"big": {"sql": "cost > 100", "type": "boolean"}}
    found = declared(derived=derived, hourly={**HOURLY, "dimensions": ["partition", "device", "big"]})
    assert found.aggregates["hourly"].dimensions == ("partition", "device", "big")


def test_a_name_is_a_field_or_a_derived_one() -> None:
    with pytest.raises(ValueError, match="cost is among fields and among derived"):
        declared(derived={"cost": {"sql": "1", "type": "long"}})

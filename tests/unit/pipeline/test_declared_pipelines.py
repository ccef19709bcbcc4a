"""Pipeline files that declare aggregates: what loads, and what is refused by the place in the file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.rules import stored_rules
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

FILE = """\
name: ads
kafka: kafka.properties
lake: lake
input:
  topic: ad-events
  time: {field: ts, format: iso8601, timezone: Europe/Zurich}
  fields:
    channel: string
    cost: {type: "decimal(12,6)", required: false}
  where: "channel <> 'test'"
  derived:
    net: {sql: "cost * 0.9", type: "decimal(12,6)"}
aggregates:
  hourly: {window: hour, dimensions: [channel], measures: {events: count, cost: {sum: cost}}}
output: {topic: ad-totals}
"""
VALUE = "  value: {field: v}\n"


def load(tmp_path: Path, text: str, *overrides: str) -> Pipeline:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    return load_pipeline(path, overrides=overrides)


def refusal(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text, *overrides)
    return str(refused.value)


def test_a_file_without_an_output_keeps_its_totals_in_tables(tmp_path: Path) -> None:
    pipeline = load(tmp_path, FILE.replace("output: {topic: ad-totals}\n", ""))
    assert (pipeline.output_topics, pipeline.published) == ((), ())
    with pytest.raises(ConfigurationError, match="ads has no output topic"):
        assert pipeline.output_name


def test_some_aggregates_alone_may_be_published(tmp_path: Path) -> None:
    assert load(tmp_path, FILE).published == ("hourly",)
    assert load(tmp_path, FILE, "output.aggregates=[]").published == ()
    assert "there is no aggregate daily; declared are hourly" in refusal(tmp_path, FILE, "output.aggregates=[daily]")


REFUSED = {
    "both": (FILE.replace("  fields:\n", VALUE + "  fields:\n"), "value and fields exclude each other"),
    "neither": (
        "name: p\nkafka: k\nlake: l\ninput:\n  topic: t\n  time: {field: ts, format: iso8601}\noutput: {topic: o}\n",
        "input: value is missing",
    ),
    "aggregates of a value": (
        "name: p\nkafka: k\nlake: l\ninput:\n  topic: t\n  time: {field: ts, format: iso8601}\n"
        + VALUE
        + "aggregates: {a: {window: day, measures: {n: count}}}\noutput: {topic: o}\n",
        "aggregates are declared of input.fields",
    ),
    "no output of a value": (
        "name: p\nkafka: k\nlake: l\ninput:\n  topic: t\n  time: {field: ts, format: iso8601}\n" + VALUE,
        "output is missing",
    ),
    "no aggregates": (FILE.partition("aggregates:")[0] + "output: {topic: o}\n", "aggregates is missing"),
    "no records": (FILE + "records: false\n", "records: off goes with input.value alone"),
    "an unknown field": (FILE.replace("sum: cost", "sum: costs"), "there is no field costs"),
    "an unknown function": (FILE.replace("channel <> 'test'", "frobnicate(channel)"), "input.where: "),
    "a text that is added": (FILE.replace("cost * 0.9", "channel + 1"), "input.derived.net.sql: "),
    "an unknown window": (FILE.replace("window: hour", "window: 7 minutes"), "an hour is not a multiple of 7 minutes"),
    "an unknown key": (
        FILE.replace("window: hour", "windows: hour"),
        "aggregates.hourly.windows: unknown key; did you mean window?",
    ),
    "an unknown type": (FILE.replace("channel: string", "channel: text"), "'text' is no type of a field"),
    "a table that is there": (FILE.replace("  hourly:", "  records:"), "aggregates.records needs the table records"),
    "one topic": (FILE.replace("ad-totals", "ad-events"), "input and output cannot be the same topic"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_by_its_place(tmp_path: Path, name: str) -> None:
    text, told = REFUSED[name]
    assert told in refusal(tmp_path, text)


def test_overrides_reach_into_what_is_declared(tmp_path: Path) -> None:
    pipeline = load(tmp_path, FILE, "aggregates.hourly.dimensions=[channel, partition]", "aggregates.hourly.window=week")
    assert (pipeline.aggregates["hourly"].dimensions, pipeline.aggregates["hourly"].window) == (("channel", "partition"), "week")
    assert load(tmp_path, FILE, "input.fields.cost.required=true").rules(datetime(2026, 5, 1, tzinfo=UTC))


def test_rules_come_back_from_a_plan_as_they_were_stored(tmp_path: Path) -> None:
    rules = load(tmp_path, FILE).rules(datetime(2026, 5, 1, tzinfo=UTC))
    assert stored_rules(rules.model_dump(mode="json")) == rules

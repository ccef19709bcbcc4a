import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.rules import ParsingRules
from spark_jobs.pipeline.settings import load_pipeline
from tests.settings_file import MINIMAL, load, refusal

EXAMPLE = Path(__file__).parents[3] / "conf" / "pipelines" / "daily_voltage.yaml"


def test_the_example_is_valid_and_its_paths_start_at_the_project_folder() -> None:
    pipeline = load_pipeline(EXAMPLE)
    root = EXAMPLE.parents[2]
    assert (pipeline.kafka, pipeline.lake) == (root / "conf" / "kafka.properties", str(root / "data" / "lake"))
    assert pipeline.lock == root / "data" / "state" / "daily_voltage.lock"


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    pipeline = load(tmp_path)
    assert (pipeline.limits.max_records_per_batch, pipeline.limits.max_rejected_fraction) == (20_000_000, 0.01)
    assert (pipeline.input.start, pipeline.input.time.timezone, pipeline.value.excess_digits) == (
        "earliest",
        "UTC",
        "round",
    )
    assert (pipeline.maintenance.keep_records_days, pipeline.maintenance.vacuum_after_hours) == (None, 168)
    assert (pipeline.alerts.mail_to, pipeline.alerts.mail_connection) == ((), "smtp_default")
    assert pipeline.alerts.webhook_connection is None


def test_the_environment_overrides_the_file_and_the_command_line_overrides_both(tmp_path: Path) -> None:
    environment = {"DAYFOLD__LIMITS__MAX_RECORDS_PER_BATCH": "5", "DAYFOLD__LIMITS__MAX_REJECTED_FRACTION": "0.5"}
    limits = load(tmp_path, MINIMAL, "limits.max_records_per_batch=7", **environment).limits
    assert (limits.max_records_per_batch, limits.max_rejected_fraction) == (7, 0.5)


def test_settings_cannot_be_changed_afterwards(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("limits.max_record_per_batch=1", "limits.max_record_per_batch: unknown key; did you mean max_records_per_batch?"),
        ("input.time.formt=x", "input.time.formt: unknown key; did you mean format?"),
        ("colour=blue", "colour: unknown key; known here: name, kafka"),
        ("limits.max_records_per_batch=0", "limits.max_records_per_batch: Input should be greater than 0 (got 0)"),
        ("limits.max_rejected_fraction=2", "less than or equal to 1"),
        ("input.value.type=float", "'float' is not of the form decimal(18,6)"),
        ("input.value.type=decimal(30,10)", "does not fit decimal(18,6)"),
        ("input.time.timezone=Mars/Olympus", "no time zone"),
        ("input.time.format=QQ", "QQ"),
        (
            "input.time.format=epoch",
            "words iso8601, epoch_seconds, epoch_millis, epoch_micros, epoch_nanos, and patterns of yyyy",
        ),
        ("input.time.format=[]", "input.time.format: expected a format, or a list of 1 to 8 of them"),
        ("input.time.format=[iso8601, dd/MM]", "input.time.format: time format 'dd/MM' lacks yyyy"),
        ("input.time.format=[iso8601, iso8601]", "stands in the list twice"),
        ("input.time.format=[[iso8601]]", "is no format, which is a text"),
        ("input.value.unit=V\u202e", "input.value.unit: expected 1 to 20 characters that can be seen"),
        ("input.value.unit=kilowatt hours per day", "input.value.unit: expected 1 to 20 characters that can be seen"),
        ("input.value.field=datetime", "cannot be the same field"),
        ("input.value.field=date", "cannot be called date"),
        ("output.topic=a", "cannot be the same topic"),
        ("name=Not A Name", "name:"),
        ("input.start=whenever", "input.start"),
        ("input.topic.x=1", "topic is a value, not a section"),
        ("maintenance.keep_records_days=0", "greater than or equal to 1 (got 0)"),
        ("maintenance.vacuum_after_hours=24", "greater than or equal to 168 (got 24)"),
        ("alerts.mail_to=[night]", "alerts.mail_to.0: expected a mail address (got 'night')"),
        (
            "alerts.webhook_connection=http://127.0.0.1/hook",
            "alerts.webhook_connection: expected the id of an Airflow connection;",
        ),
        ("nonsense", "expected key.path=value"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(tmp_path: Path, override: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, MINIMAL, override)


def test_an_unknown_key_from_the_environment_is_an_error_too(tmp_path: Path) -> None:
    assert "did you mean limits?" in refusal(tmp_path, MINIMAL, DAYFOLD__LIMITTS__X="1")


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = refusal(tmp_path, "name: p\nlimits: {max_records_per_batch: -1}\n")
    assert all(part in text for part in ("kafka: missing", "lake: missing", "input: missing", "max_records_per_batch"))


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "holds no settings"), ("a: [", "not valid YAML"), ("- 1", "holds no settings")]
)
def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: No such file"):
        load_pipeline(tmp_path / "none.yaml")


def test_a_lake_that_is_a_uri_stays_as_it_is(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, "lake=s3://bucket/lake").lake == "s3://bucket/lake"


def test_the_latest_plausible_time_is_a_day_ahead_of_the_plan(tmp_path: Path) -> None:
    rules = load(tmp_path).parsing_rules(datetime(2026, 1, 1, tzinfo=UTC))
    assert (rules.earliest, rules.latest) == (datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


def test_a_first_start_by_time_is_an_instant(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, "input.start=2006-12-16T00:00:00+01:00").input.start == datetime(2006, 12, 15, 23, tzinfo=UTC)


def test_a_list_of_time_formats_is_a_setting_and_a_list_of_one_is_its_format(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    listed = load(tmp_path, MINIMAL, "input.time.format=[iso8601, epoch_millis, dd/MM/yyyy HH:mm]").parsing_rules(now)
    assert listed.time_format == ("iso8601", "epoch_millis", "dd/MM/yyyy HH:mm")
    one, same = (load(tmp_path, MINIMAL, f"input.time.format={text}").parsing_rules(now) for text in ("[iso8601]", "iso8601"))
    assert one == same
    assert one.model_dump(mode="json")["time_format"] == "iso8601"


@pytest.mark.proves("F175")
@pytest.mark.parametrize("stored", ["dd/MM/yyyy HH:mm:ss", ["iso8601", "epoch_millis"], ["iso8601"]])
def test_the_formats_of_a_stored_plan_are_read_as_they_were_written(tmp_path: Path, stored: str | list[str]) -> None:
    """Also a single text, as plans held it before there were lists."""
    rules = load(tmp_path).parsing_rules(datetime(2026, 1, 1, tzinfo=UTC))
    row = {**rules.model_dump(mode="json"), "time_format": stored}
    again = ParsingRules.model_validate(json.loads(json.dumps(row)))
    assert again.model_dump(mode="json")["time_format"] == (stored[0] if stored == ["iso8601"] else stored)


@pytest.mark.proves("F176")
def test_what_is_plausible_of_an_epoch_begins_later_and_of_patterns_where_it_began(tmp_path: Path) -> None:
    def earliest(*overrides: str) -> datetime:
        return load(tmp_path, MINIMAL, *overrides).parsing_rules(datetime(2026, 1, 1, tzinfo=UTC)).earliest

    assert earliest() == earliest("input.time.format=iso8601") == datetime(1970, 1, 1, tzinfo=UTC)
    assert earliest("input.time.format=epoch_millis") == datetime(1980, 1, 1, tzinfo=UTC)
    assert earliest("input.time.format=epoch_millis", "input.time.earliest=1970-01-01") == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.proves("F176")
def test_two_units_that_the_plausible_range_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    units = "input.time.format=[epoch_millis, epoch_seconds]"
    assert "epoch_millis and as epoch_seconds before 1980" in refusal(tmp_path, MINIMAL, units, "input.time.earliest=1979-12-31")
    assert load(tmp_path, MINIMAL, units, "input.time.earliest=1980-01-01").input.time.format == ("epoch_millis", "epoch_seconds")

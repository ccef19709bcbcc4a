"""What a value in a pipeline file, the environment or `--set` means: the text that is written, as its setting reads it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from tests.settings_file import MINIMAL, load, refusal

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def with_lines(**changes: str) -> str:
    """The minimal file with other texts of some settings, as they are written there."""
    places = {
        "topic": "  topic: a",
        "field": "value: {field: voltage",
        "start": "  topic: a",
        "latest": "time: {field: datetime",
    }
    text = MINIMAL
    for name, written in changes.items():
        place = places[name]
        changed = f"{place}\n  start: {written}" if name == "start" else f"{place}, latest: {written}"
        text = text.replace(place, changed if name in ("start", "latest") else f"{place.rpartition(' ')[0]} {written}")
    return text


@pytest.mark.proves("F168")
@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2024-01-01", DAY),
        ("'2024-01-01'", DAY),
        ("2024-01-01T00:00:00", DAY),
        ("2024-01-01 00:00:00", DAY),
        ("2024-01-01T02:00:00+02:00", DAY),
        ("2023-12-31 22:30 -0130", DAY),
        ("2024-01-01T00:00:00.5Z", DAY.replace(microsecond=500_000)),
        ("2024-01-01T00:00:00.123456789Z", DAY.replace(microsecond=123_456)),
    ],
)
def test_an_iso_date_or_time_is_that_instant_and_utc_without_a_zone(tmp_path: Path, written: str, instant: datetime) -> None:
    pipeline = load(tmp_path, with_lines(start=written, latest=f'"{written.strip(chr(39))}"'))
    assert (pipeline.input.start, pipeline.input.time.latest) == (instant, instant)
    overridden = load(tmp_path, MINIMAL, f"input.start={written.strip(chr(39))}")
    assert overridden.input.start == instant


@pytest.mark.proves("F168")
@pytest.mark.parametrize(
    "written",
    ["20240101", "'20240101'", "2030", "1704067200", "1704067200000", "1.7e9", "12:30:00", "0x10", "1_000", "-5", "1e9"],
)
def test_a_bare_number_is_no_time(tmp_path: Path, written: str) -> None:
    for text in (with_lines(start=written), with_lines(latest=written)):
        said = refusal(tmp_path, text)
        assert f"got {written.strip(chr(39))}" in said or f"got {written!r}" in said, said
        assert "write an ISO date or time, for example 2024-01-01" in said or "expected an ISO date or time" in said
    assert "input.start" in refusal(tmp_path, MINIMAL, f"input.start={written}")


@pytest.mark.proves("F168")
@pytest.mark.parametrize(
    "written",
    [
        "yes",
        "on",
        "true",
        "Latest",
        "2024-13-01",
        "2024-02-30",
        "2024-01-01x10:00",
        "2024-01-01T25:00",
        "0001-01-01T00:00:00+02:00",
    ],
)
def test_what_is_no_time_of_the_calendar_is_refused(tmp_path: Path, written: str) -> None:
    assert "input.start" in refusal(tmp_path, with_lines(start=written))


@pytest.mark.proves("F168")
@pytest.mark.parametrize(
    "written",
    ["on", "off", "yes", "No", "true", "0123", "1e5", "0x1F", "12:30:00", "1_000", "2024-01-01", ".inf", "1.50", "=", "nullo"],
)
def test_a_name_is_the_text_that_is_written(tmp_path: Path, written: str) -> None:
    assert load(tmp_path, with_lines(field=written)).value.field == written
    assert load(tmp_path, MINIMAL, f"input.value.field={written}").value.field == written
    assert load(tmp_path, MINIMAL, DAYFOLD__INPUT__VALUE__FIELD=written).value.field == written
    if written not in ("12:30:00", "="):
        assert load(tmp_path, with_lines(topic=written)).input.topic == written


@pytest.mark.proves("F168")
@pytest.mark.parametrize("written", ["null", "~", "Null", ""])
def test_nothing_is_no_name_but_a_quoted_null_is(tmp_path: Path, written: str) -> None:
    assert "input.value.field: nothing (null) is written there" in refusal(tmp_path, with_lines(field=written))
    assert load(tmp_path, with_lines(field='"null"')).value.field == "null"


@pytest.mark.proves("F168")
@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("limits.max_records_per_batch=true", "valid integer"),
        ("limits.max_records_per_batch=1.5", "valid integer"),
        ("limits.max_records_per_batch=1e6", "valid integer"),
        ("limits.max_records_per_batch=0o17", "valid integer"),
        ("limits.max_rejected_fraction=.nan", "valid number"),
        ("limits.max_rejected_fraction=nan", "finite number"),
        ("limits.warn_retention_hours=inf", "finite number"),
        ("limits.max_rejected_fraction=1:30", "valid number"),
        ("records=maybe", "valid boolean"),
        ("name=1e5", "name:"),
        ("input.topic=a b", "name of a Kafka topic"),
        ("input.topic=..", "name of a Kafka topic"),
        ("input.topic=" + "x" * 250, "name of a Kafka topic"),
        ("lake=", "lake: String should have at least 1 character"),
        ("input.time.timezone=localtime", "no time zone"),
        ("input.time.timezone=right/Europe/Paris", "no time zone"),
        ("input.time.timezone=posixrules", "no time zone"),
        ("input.time.timezone=Factory", "no time zone"),
        ("input.time.timezone=Europe", "no time zone"),
        ("input.time.timezone=../Europe/Paris", "no time zone"),
    ],
)
def test_a_value_that_its_setting_cannot_take_is_refused(tmp_path: Path, override: str, sentence: str) -> None:
    said = refusal(tmp_path, MINIMAL, override)
    assert sentence in said
    assert len(said) < 500


@pytest.mark.proves("F168")
def test_numbers_and_truths_are_read_by_their_settings(tmp_path: Path) -> None:
    text = (
        MINIMAL
        + "limits: {max_records_per_batch: 1_000, max_rejected_fraction: 1e-2, max_verify_tasks: 010}\nrecords: off\nalerts:\n"
    )
    pipeline = load(tmp_path, text)
    limits = pipeline.limits
    assert (limits.max_records_per_batch, limits.max_rejected_fraction, limits.max_verify_tasks) == (1000, 0.01, 10)
    assert (pipeline.records, pipeline.alerts.mail_to) == (False, ())
    assert load(tmp_path, text, "records=yes").records


@pytest.mark.proves("F169")
@pytest.mark.parametrize(
    "text", ["/data/team #1/lake", "/data/a: b", "/data/'x'", "/data/{a}", "/data/yes", "/data/[1", "/a/&b", "/a/*b"]
)
def test_an_override_is_its_whole_text(tmp_path: Path, text: str) -> None:
    """Of a setting that takes any character; the lake's is the same text, but some cannot be in it."""
    assert load(tmp_path, MINIMAL, f"state={text}").state == Path(text)
    assert load(tmp_path, MINIMAL, DAYFOLD__STATE=text).state == Path(text)
    assert load(tmp_path, MINIMAL, "lake=/data/team #1/lake").lake == "/data/team #1/lake"


@pytest.mark.proves("F169")
def test_overrides_of_lists_sections_and_optional_settings_keep_their_form(tmp_path: Path) -> None:
    pipeline = load(
        tmp_path,
        MINIMAL,
        "alerts.mail_to=[a@example.org, b@example.org]",
        "limits={max_records_per_batch: 7}",
        "maintenance.keep_records_days=null",
    )
    assert pipeline.alerts.mail_to == ("a@example.org", "b@example.org")
    assert (pipeline.limits.max_records_per_batch, pipeline.maintenance.keep_records_days) == (7, None)


@pytest.mark.proves("F169")
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DAYFOLD__": "1"}, "the environment variable DAYFOLD__ names no setting; expected DAYFOLD__KEY__PATH"),
        ({"DAYFOLD__INPUT____TOPIC": "x"}, "the environment variable DAYFOLD__INPUT____TOPIC names no setting"),
        ({"DAYFOLD__INPUT__TOPIC__": "x"}, "names no setting"),
        ({"dayfold__colour": "x"}, "colour: unknown key; known here: name, kafka"),
        ({"dayfold__lake": "x", "DAYFOLD__LAKE": "y"}, "are for the same setting; keep one"),
        ({"DAYFOLD__LIMITS__MAX_VERIFY_TASKS": "x"}, "from the environment variable DAYFOLD__LIMITS__MAX_VERIFY_TASKS"),
        ({"DAYFOLD__LAKE": "a\udcffb"}, "lake: a value holds bytes that are no UTF-8 text (from the environment variable"),
        ({"DAYFOLD__ALERTS__MAIL_TO": "[[[["}, "alerts.mail_to: line 1: "),
    ],
)
def test_a_malformed_variable_is_named(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    assert sentence in refusal(tmp_path, MINIMAL, **variables)


def test_a_variable_in_small_letters_counts(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, dayfold__lake="/x").lake == "/x"


@pytest.mark.proves("F169")
@pytest.mark.parametrize("override", ["lake", "=x", ".=x", "limits.=x", "limits..x=1", ""])
def test_a_malformed_override_says_the_form(tmp_path: Path, override: str) -> None:
    assert "expected key.path=value" in refusal(tmp_path, MINIMAL, override)


DEEP = "a: " + "[" * 30_000
LAUGHS = "\n".join(
    ["a: &a [x, x]"] + [f"{one}: &{one} [*{before}, *{before}]" for before, one in zip("abcdefgh", "bcdefghi", strict=True)]
)


@pytest.mark.proves("F169")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MINIMAL + "lake: other\n", "line 10: lake is set twice, first in line 4"),
        ("name: p\ninput: {topic: a, topic: b}\n", "line 2: topic is set twice, first in line 2"),
        (DEEP, "line 1: it nests deeper than 20 levels"),
        ("{a: " * 2000, "nests deeper"),
        (LAUGHS, "line 1: anchors and aliases (& and *) are not read"),
        ("name: p\n---\nname: q\n", "line 2: a second document begins"),
        ("name: !!python/object/apply:os.getcwd []\n", "line 1: tags (!) are not read"),
        ("name: p\ninput:\n\ttopic: a\n", "line 3: found character '\\t'"),
        ("name: p: q\n", "line 1: mapping values are not allowed here"),
        ("? [a]\n: b\n", "a key is a name"),
        ('name: "a\\0b"\n', "line 1: a value holds the control character U+0000"),
        ("name: a\x01b\n", "it holds the character U+0001"),
        ('name: "\\ud800"\n', "line 1: a value holds bytes that are no UTF-8 text"),
        ("<<: {name: p}\n", "<<: unknown key"),
        ("#" * 100_001, "100001 bytes, too many for a pipeline file"),
        ("just a text", "holds no settings"),
        ("# only a comment", "holds no settings"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_one_short_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    said = refusal(tmp_path, text)
    assert sentence in said
    assert len(said.splitlines()) == 1 or "unknown key" in said
    assert "Traceback" not in said


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + MINIMAL.replace("\n", "\r\n")).name == "p"


def _refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_pipeline(path)
    return str(caught.value)


@pytest.mark.proves("F169")
def test_what_is_no_text_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes("name: caf\u00e9".encode("latin-1"))
    (tmp_path / "utf16").write_bytes(MINIMAL.encode("utf-16"))
    assert "it is a folder" in _refused(tmp_path)
    assert "it is no regular file" in _refused(tmp_path / "pipe")
    assert "it is no regular file" in _refused(Path("/dev/zero"))
    assert "is not UTF-8 text (byte 9)" in _refused(tmp_path / "latin")
    assert "is not UTF-8 text (byte 0)" in _refused(tmp_path / "utf16")
    assert "cannot read the pipeline file" in _refused(tmp_path / "a\0b")
    assert "cannot read the pipeline file" in _refused(tmp_path / ("x" * 300))


@pytest.mark.proves("F169")
@pytest.mark.parametrize("setting", ["lake", "kafka", "state"])
def test_a_home_folder_that_does_not_exist_is_named(tmp_path: Path, setting: str) -> None:
    assert "there is no such home folder" in refusal(tmp_path, MINIMAL, f"{setting}=~nobody-of-that-name/x")
    assert str(getattr(load(tmp_path, MINIMAL, f"{setting}=~/x"), setting)) == str(Path.home() / "x")


@pytest.mark.proves("F173")
@pytest.mark.parametrize(
    ("override", "secret"),
    [
        ("lake=s3a://key:geheim@bucket/lake", "geheim"),
        ("lake=s3://geheim@bucket/lake", "geheim"),
        ("lake=s3a:/key:geheim@bucket/lake", "geheim"),
        ("lake=s3a://key%3Ageheim%40bucket/lake", "geheim"),
        ("lake=https://account.blob.core.windows.net/c?sv=2024&sig=geheim", "geheim"),
        ("lake=abfss://user:geheim@account.dfs.core.windows.net/lake", "geheim"),
        ("lake=s3://bucket/lake?aws_secret_access_key=geheim", "geheim"),
        ("lake=gs://bucket/lake#token=geheim", "geheim"),
        ("lake=file://user:geheim@/data", "geheim"),
        ("kafka=https://user:geheim@host/kafka.properties", "geheim"),
        ("state=s3://key:geheim@bucket/state", "geheim"),
        ("alerts.webhook_connection=https://hooks:geheim@example.org/x", "geheim"),
        ("alerts.mail_to=[user:geheim@]", "geheim"),
    ],
)
def test_a_login_in_a_location_is_refused_and_not_repeated(tmp_path: Path, override: str, secret: str) -> None:
    key, _, value = override.partition("=")
    for said in (
        refusal(tmp_path, MINIMAL, override),
        refusal(tmp_path, MINIMAL, **{f"DAYFOLD__{key.upper().replace('.', '__')}": value}),
    ):
        assert key in said
        assert secret not in said


@pytest.mark.proves("F173")
@pytest.mark.parametrize(
    "lake", ["abfss://lake@account.dfs.core.windows.net/x", "s3://bucket/a@b", "hdfs://namenode:8020/lake", "/data/a@b;c=d"]
)
def test_a_location_without_a_login_is_taken(tmp_path: Path, lake: str) -> None:
    assert load(tmp_path, MINIMAL, f"lake={lake}").lake == lake


def test_rules_that_were_stored_before_are_read_as_before(tmp_path: Path) -> None:
    pipeline: Pipeline = load(tmp_path)
    rules = pipeline.parsing_rules(datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC))
    stored = rules.model_dump(mode="json")
    assert (stored["earliest"], stored["latest"]) == ("1970-01-01T00:00:00Z", "2026-01-02T00:00:00.123456Z")
    assert type(rules).model_validate(stored) == rules

"""What `dayfold init` finds in messages: the right fields, formats and units, the alternatives,
and a file that loads and reads them.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, UsageError
from spark_jobs.beginning.first_look import Look, look_at
from spark_jobs.beginning.first_pipeline import WantedPipeline, require_suggestion, write_pipeline
from spark_jobs.beginning.pipeline_draft import Names, draft
from spark_jobs.beginning.some_messages import Message
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.readings.judging import judge_message
from tests.nasty import NASTY, hidden_in

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
COUNT = 40

Made = Callable[[datetime, int], Any]


def looked_at(made: Made) -> tuple[list[Message], Look]:
    """Messages of the last hours, one every ten minutes."""
    messages = []
    for number in range(COUNT):
        sent = NOW - timedelta(minutes=10 * (COUNT - number))
        value = made(sent, number)
        messages.append(Message(number % 3, number, value if isinstance(value, bytes) else json.dumps(value).encode(), sent))
    return messages, look_at(messages, NOW)


def epoch(sent: datetime, factor: int) -> int:
    return int(sent.timestamp()) * factor


FOUND: dict[str, tuple[Made, str, str | tuple[str, ...], str]] = {
    "the example": (lambda at, n: {"datetime": f"{at:%d/%m/%Y %H:%M:%S}", "voltage": 230 + n / 8}, "datetime", "dd/MM/yyyy "
    "HH:mm:ss", "voltage"),
    "month first": (lambda at, n: {"datetime": f"{at:%m/%d/%Y %H:%M}", "v": n}, "datetime", "MM/dd/yyyy HH:mm", "v"),
    "month first, by the distance alone": (
        lambda at, n: {"when": f"{at - timedelta(days=18):%m-%d-%Y %H:%M:%S}", "v": n}, "when", "MM-dd-yyyy HH:mm:ss", "v"
    ),
    "iso": (lambda at, n: {"id": 10**6 + n, "ts": at.isoformat(), "temperature": f"{n}.5"}, "ts", "iso8601", "temperature"),
    "seconds": (lambda at, n: {"t": at.timestamp(), "seq": n, "x": 1.5}, "t", "epoch_seconds", "x"),
    "milliseconds beside a counter": (
        lambda at, n: {"deviceId": 17, "ts": epoch(at, 1000), "value": n}, "ts", "epoch_millis", "value"
    ),
    "microseconds in quotes": (lambda at, *_: {"ts": str(epoch(at, 10**6)), "value": "7"}, "ts", "epoch_micros", "value"),
    "nanoseconds": (lambda at, n: {"ts": epoch(at, 10**9) + n, "value": 7}, "ts", "epoch_nanos", "value"),
    "nested": (
        lambda at, n: {
            "meta": {"lat": 1.5, "received_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}, "payload": {"ts": epoch(at, 1000), "watt": n}
        },
        "payload.ts", "epoch_millis", "payload.watt",
    ),
    "two ways to write": (
        lambda at, n: {"at": at.isoformat() if n % 2 else epoch(at, 1), "v": 2.5}, "at", ("iso8601", "epoch_seconds"), "v"
    ),
    "a few that are odd": (lambda at, n: b"ping" if n % 10 == 0 else {"at": at.isoformat(), "v": n}, "at", "iso8601", "v"),
    "a name with all that YAML minds": (lambda at, n: {'a: "b" #c': f"{at:%Y%m%d %H%M}", "null": n}, 'a: "b" #c', "yyyyMMdd "
    "HHmm", "null"),
    "days alone": (lambda at, n: {"day": f"{at:%Y-%m-%d}", "date": n, "n": n}, "day", "yyyy-MM-dd", "n"),
}  # fmt: skip


@pytest.mark.proves("F208")
@pytest.mark.parametrize("case", FOUND)
def test_the_file_loads_and_reads_the_messages_it_was_made_from(case: str, tmp_path: Path) -> None:
    made, time_field, time_format, value_field = FOUND[case]
    messages, look = looked_at(made)
    file = tmp_path / "p.yaml"
    file.write_text(draft(Names("p", "conf/kafka.properties", "in", "out"), look))
    pipeline = load_pipeline(file)
    assert (pipeline.input.time.field, pipeline.input.time.format) == (time_field, time_format)
    assert (pipeline.value.field, pipeline.input.time.timezone) == (value_field, "UTC")
    verdicts = [judge_message(one.value, pipeline.parsing_rules(NOW)) for one in messages]
    assert sum(one.value is None for one in verdicts) == (4 if "odd" in case else 0)
    moved = timedelta(days=18) if "distance" in case else timedelta()
    for message, verdict in zip(messages, verdicts, strict=True):
        if verdict.event_time is not None and message.sent is not None:
            assert verdict.event_time <= message.sent - moved <= verdict.event_time + timedelta(days=1)


@pytest.mark.proves("F208")
def test_what_else_it_might_be_stands_in_comments() -> None:
    _, look = looked_at(
        lambda at, n: {"time": "02/03/2026 10:00", "created_at": f"{at:%Y-%m-%d %H:%M}", "volts": 230.1234567 + n, "amps": "4.5"}
    )
    text = draft(Names("p", "conf/kafka.properties", "in", "out"), look)
    assert 'format: "dd/MM/yyyy HH:mm"' in text, "the nearer one to when the messages were sent"
    assert '# "MM/dd/yyyy HH:mm" would read them too, as other times.' in text
    assert "have no offset: UTC is assumed" in text
    assert '# Other fields that read as times: created_at ("2026-03-20 05:20") as iso8601.' in text
    assert "rounded half up" in text
    assert '# Other fields that are numbers: amps ("4.5").' in text


JSON_TEXTS = {name: text for name, text in NASTY.items() if "\ud83d" not in text}


@pytest.mark.parametrize("text", JSON_TEXTS.values(), ids=JSON_TEXTS)
def test_what_stands_in_a_message_is_printed_as_text(text: str, tmp_path: Path) -> None:
    _, look = looked_at(lambda at, n: {"at": at.isoformat(), "v": n, "a": f"{text}", text: 5, f"x{text}y": at.isoformat()})
    (tmp_path / "p.yaml").write_text(written := draft(Names("p", "k", "in", "out"), look), encoding="utf-8")
    assert load_pipeline(tmp_path / "p.yaml").value.field == "v"
    assert [one for one in hidden_in(written) if one != "\n"] == []


NOTHING: dict[str, tuple[Made, str]] = {
    "no time": (lambda _, n: {"voltage": n, "name": "x\n"}, r"no field of 40 messages reads as a time. Fields .*: voltage "
    r"\(0\), name \(\"x\\n\"\)"),
    "no number": (lambda at, _: {"at": at.isoformat(), "name": "x"}, "reads as a number"),
    "neither": (lambda *_: {"on": True, "name": "x"}, "reads as a time and none as a number"),
    "lines of CSV": (lambda *_: b"2026-03-20;239.94", r"is a JSON object \(NOT_JSON 40\); the first of them begins: "
    r"2026-03-20;239.94"),
    "Avro": (lambda *_: b"\0\0\0\0\7Hvolt", "Schema Registry's messages"),
}  # fmt: skip


@pytest.mark.proves("F208")
@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_fits_it_says_what_it_saw(case: str) -> None:
    made, sentence = NOTHING[case]
    with pytest.raises(DecisionNeeded, match=sentence) as caught:
        require_suggestion("in", looked_at(made)[1])
    assert "\n" not in str(caught.value)


def test_an_empty_topic_is_one_sentence() -> None:
    with pytest.raises(DecisionNeeded, match="in holds no message to look at"):
        require_suggestion("in", look_at([], NOW))


def test_a_file_that_is_there_stays_as_it_is_and_a_folder_that_is_not_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    with pytest.raises(UsageError, match="is there already and stays as it is"):
        write_pipeline(WantedPipeline("in", to=tmp_path / "mine.yaml"), {})
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    with pytest.raises(UsageError, match="is no folder"):
        write_pipeline(WantedPipeline("in", to=tmp_path / "none" / "p.yaml"), {})
    with pytest.raises(ConfigurationError, match="cannot read"):
        write_pipeline(WantedPipeline("in", kafka=tmp_path / "none.properties", to=tmp_path / "p.yaml"), {})

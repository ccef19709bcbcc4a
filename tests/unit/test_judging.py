"""A message is judged without Spark as the cases say that Spark reads it; `tests/spark/test_judging.py` asks Spark itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from spark_jobs.readings.judging import MessageVerdict, judge_message
from tests.spark import test_records as cases
from tests.spark.test_records import Expected, at, plain, rules, voltage

ISO = {f'"{text}"': expected for text, expected in cases.ISO.items()}
PARIS = {"time_format": "iso8601", "timezone": "Europe/Paris"}


def shown(verdict: MessageVerdict) -> Expected:
    """As the cases show what Spark makes of a message."""
    if verdict.reason is not None:
        return (str(verdict.reason),)
    assert verdict.event_time is not None
    assert verdict.value is not None
    moment = f"{verdict.event_time:%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".")
    return (moment, str(verdict.day), plain(verdict.value), verdict.rounded_from)


@pytest.mark.proves("F209")
@pytest.mark.parametrize(
    ("messages", "changes", "undecided"),
    [
        ({voltage(number): expected for number, expected in cases.NUMBERS.items()}, {}, 0),
        ({at(time): expected for time, expected in cases.TIMES.items()}, {}, 0),
        ({at(time): expected for time, expected in ISO.items()}, PARIS, 0),
        (cases.MESSAGES, {}, 4),
    ],
    ids=["numbers", "times", "iso8601", "objects"],
)
def test_a_message_is_judged_as_the_cases_say(
    messages: Mapping[bytes | None, Expected], changes: dict[str, Any], undecided: int
) -> None:
    verdicts = {message: judge_message(message, rules(**changes)) for message in messages}
    different = {
        message: (shown(verdict), messages[message])
        for message, verdict in verdicts.items()
        if not verdict.undecided and shown(verdict) != messages[message]
    }
    assert different == {}
    assert sum(verdict.undecided is not None for verdict in verdicts.values()) == undecided

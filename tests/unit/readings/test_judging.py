"""A message is judged without Spark as the cases say that Spark reads it; `tests/spark/test_judging.py` asks Spark itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from spark_jobs.readings.judging import judge_message
from tests import message_cases as cases
from tests.message_cases import Expected, at, shown, voltage
from tests.parsing_rules import rules

ISO = {f'"{text}"': expected for text, expected in cases.ISO.items()}
PARIS = {"time_format": "iso8601", "timezone": "Europe/Paris"}


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

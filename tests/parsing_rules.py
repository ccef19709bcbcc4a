"""How the messages of most tests are to be read."""

from datetime import UTC, datetime
from typing import Any

from spark_jobs.pipeline.rules import ParsingRules

RULES = ParsingRules(
    time_field="datetime",
    time_format="dd/MM/yyyy HH:mm:ss",
    timezone="UTC",
    earliest=datetime(1970, 1, 1, tzinfo=UTC),
    latest=datetime(2030, 1, 1, tzinfo=UTC),
    value_field="voltage",
    precision=18,
    scale=6,
    excess_digits="round",
)


def rules(**changes: Any) -> ParsingRules:
    return ParsingRules.model_validate({**RULES.model_dump(), **changes})

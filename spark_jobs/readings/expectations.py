"""What a message would have needed in order not to be rejected, in one phrase, by the rules of the batch that read it.

Knows the rules and the reasons; how messages are read is known elsewhere.
"""

import json
from collections.abc import Iterable

from spark_jobs.base.wording import counted
from spark_jobs.pipeline.settings import ParsingRules
from spark_jobs.readings.message_formats import Rejection


def expected(reason: str, rules: ParsingRules) -> str:
    """
    >>> from datetime import UTC, datetime
    >>> first, last = datetime(1990, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    >>> rules = ParsingRules(time_field="at", time_format="dd/MM/yyyy", timezone="UTC", earliest=first, latest=last,
    ...     value_field="volts", precision=18, scale=6, excess_digits="round")
    >>> expected("BAD_TIME", rules), expected("NO_VALUE", rules)
    ('"at" as dd/MM/yyyy', '"volts", not null')
    >>> expected("TIME_OUT_OF_RANGE", rules)
    '"at" from 1990-01-01 00:00:00 UTC to 2026-01-02 00:00:00 UTC'
    """
    time, value = json.dumps(rules.time_field, ensure_ascii=False), json.dumps(rules.value_field, ensure_ascii=False)
    whole = rules.precision - rules.scale
    phrases = {
        Rejection.TOMBSTONE: f"a JSON object with {time} and {value}",
        Rejection.NOT_UTF8: "text in UTF-8",
        Rejection.EMPTY: f"a JSON object with {time} and {value}",
        Rejection.NOT_JSON: f"a JSON object with {time} and {value}",
        Rejection.TRAILING_DATA: "one JSON object and nothing after it",
        Rejection.DUPLICATE_KEY: "each key once",
        Rejection.NOT_AN_OBJECT: f"a JSON object with {time} and {value}",
        Rejection.NO_TIME: f"{time}, not null",
        Rejection.NO_VALUE: f"{value}, not null",
        Rejection.BAD_TIME: f"{time} as {_formats(rules.time_format)}",
        Rejection.TIME_OUT_OF_RANGE: f"{time} from {rules.earliest:%Y-%m-%d %H:%M:%S} UTC to "
        f"{rules.latest:%Y-%m-%d %H:%M:%S} UTC",
        Rejection.NONEXISTENT_TIME: f"{time} that the clocks of {rules.timezone} show",
        Rejection.NOT_FINITE: f"{value} as a finite number",
        Rejection.BAD_NUMBER: f"{value} as a JSON number, or one in quotes",
        Rejection.NUMBER_OUT_OF_RANGE: f"{value} with at most {counted(whole, 'digit')} before the point",
        Rejection.EXCESS_DIGITS: f"{value} with at most {counted(rules.scale, 'digit')} after the point",
    }
    return {str(one): phrase for one, phrase in phrases.items()}.get(reason, "-")


def _formats(formats: str | Iterable[str]) -> str:
    return formats if isinstance(formats, str) else " or ".join(formats)

"""The windows that a pipeline file can name: what the words mean, and nothing of time."""

from typing import Literal, get_args

Unit = Literal["minute", "hour", "day", "week", "month", "quarter", "year"]
UNITS: tuple[str, ...] = get_args(Unit)
MINUTES_OF_HOUR = 60


def parse_window(text: str) -> tuple[Unit, int]:
    """The unit, and how many of it are one window. `ValueError` with the words that there are.

    >>> parse_window("hour"), parse_window("15 minutes")
    (('hour', 1), ('minute', 15))
    """
    words = [one for one in UNITS if one != "minute"]
    number, _, unit = text.partition(" ")
    if text in words:
        return text, 1  # type: ignore[return-value]
    if unit in ("minute", "minutes") and number.isdecimal() and number.isascii() and 0 < int(number) < MINUTES_OF_HOUR:
        if MINUTES_OF_HOUR % int(number) == 0:
            return "minute", int(number)
        raise ValueError(f"an hour is not a multiple of {number} minutes; expected 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30")
    raise ValueError(f"{text!r} is no window; expected {', '.join(words)}, or so many minutes as '15 minutes'")

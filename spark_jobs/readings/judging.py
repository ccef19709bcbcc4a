"""What a message would become, found by Python instead of Spark: for a look at a few messages, never to count any.

The rules are those of `records.py` and `event_times.py`; tests hold both against each other, message by message. Where it is not
certain what Spark would say, the verdict is that it is not decided here. Knows neither where messages come from nor how a verdict
is shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from spark_jobs.pipeline.rules import ParsingRules, TimeRules
from spark_jobs.pipeline.time_formats import EPOCH_SHIFT, ISO_WORD, NUMBER, TimePattern, named_parts, time_formats
from spark_jobs.readings.message_formats import NOT_FINITE, Rejection
from spark_jobs.readings.strict_objects import JsonNumber, NoObject, Undecided, field_of, strict_object

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENDLESS = 10_000_000
"""An exponent of more is as good as endless, whatever the digits of a message are."""

_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
_ISO_PARTS = (
    "(?P<year>.{4})-(?P<month>..)-(?P<day>..).(?P<hour>..):(?P<minute>..)(?::(?P<second>..)(?:[.,](?P<fraction>[0-9]+))?)?"
    "(?P<offset>[Zz+-].*)?"
)


@dataclass(frozen=True)
class MessageVerdict:
    """A reading has time, day and value; a rejected message a reason; of others `undecided` says why nothing is said.

    `micros` counts from 1970 in UTC, `day` is that of the configured zone, `rounded_from` the number as written where rounding
    changed it.
    """

    micros: int | None = None
    day: date | None = None
    value: Decimal | None = None
    rounded_from: str | None = None
    reason: Rejection | None = None
    undecided: str | None = None

    @property
    def event_time(self) -> datetime | None:
        return None if self.micros is None else EPOCH + self.micros * _MICROSECOND


class Digits(Protocol):
    """What a number may be."""

    @property
    def precision(self) -> int: ...
    @property
    def scale(self) -> int: ...
    @property
    def excess_digits(self) -> str: ...


def judge_message(message: bytes | None, rules: ParsingRules) -> MessageVerdict:
    """What the message would become by these rules."""
    try:
        return verdict_of(strict_object(message), rules)
    except NoObject as refused:
        return MessageVerdict(reason=refused.reason)
    except Undecided as why:
        return MessageVerdict(undecided=str(why))


def verdict_of(fields: dict[str, Any], rules: ParsingRules) -> MessageVerdict:
    """The reading that a message of these fields is; raises `NoObject` and `Undecided`."""
    time, value = field_of(fields, rules.time_field), field_of(fields, rules.value_field)
    if time is None:
        raise NoObject(Rejection.NO_TIME)
    if value is None:
        raise NoObject(Rejection.NO_VALUE)
    micros, day = read_time(time, rules)
    number, rounded_from = read_value(value, rules)
    return MessageVerdict(micros, day, number, rounded_from)


def read_time(written: Any, rules: TimeRules) -> tuple[int, date]:
    """The instant in microseconds since 1970 and its local day; raises `NoObject` and `Undecided`."""
    micros, is_instant = _as_written(written, rules, _formats(rules.time_format))
    if rules.timezone == "UTC":
        _require_plausible(micros, rules)
        return micros, _wall(micros, rules).date()
    zone = ZoneInfo(rules.timezone)
    return _of_instant(micros, rules, zone) if is_instant else _of_local_time(micros, rules, zone)


def read_value(written: Any, rules: Digits) -> tuple[Decimal, str | None]:
    """The value, rounded half away from zero, and the number as written if that changed it; raises `NoObject`."""
    if not isinstance(written, str):
        raise NoObject(Rejection.BAD_NUMBER)
    if re.fullmatch(NOT_FINITE, written, re.ASCII):
        raise NoObject(Rejection.NOT_FINITE)
    if not re.fullmatch(NUMBER, written):
        raise NoObject(Rejection.BAD_NUMBER)
    mantissa, _, exponent = written.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    # The number is 0.digits times ten to the power of this.
    point = len(digits) - len(fraction) + _exponent(exponent)
    if digits and point > rules.precision - rules.scale:
        raise NoObject(Rejection.NUMBER_OUT_OF_RANGE)
    kept = max(-1, point + rules.scale)
    has_excess = bool(digits) and len(digits.rstrip("0")) > kept
    if has_excess and rules.excess_digits == "reject":
        raise NoObject(Rejection.EXCESS_DIGITS)
    units = _rounded(digits, kept) if digits else 0
    if units >= 10**rules.precision:
        raise NoObject(Rejection.NUMBER_OUT_OF_RANGE)
    return Decimal(-units if mantissa.startswith("-") else units).scaleb(-rules.scale), str(written) if has_excess else None


_formats, _named_parts = cache(time_formats), cache(named_parts)


def _rounded(digits: str, kept: int) -> int:
    if kept < 0:
        return 0
    shown = digits.ljust(kept + 1, "0")
    return int(shown[:kept] or "0") + (shown[kept] >= "5")


def _exponent(text: str) -> int:
    if len(text.lstrip("+-").lstrip("0")) > len(str(_ENDLESS)):
        return -_ENDLESS if text.startswith("-") else _ENDLESS
    return int(text or "0")


def _as_written(written: Any, rules: TimeRules, formats: Sequence[TimePattern]) -> tuple[int, bool]:
    """Microseconds by the first format that reads the time, and whether that is an instant; else as if the clock showed UTC."""
    if not isinstance(written, str):
        raise NoObject(Rejection.BAD_TIME)
    is_epochs_number = False
    for one in formats:
        if (isinstance(written, JsonNumber) and not one.epoch_unit) or not re.fullmatch(one.regex, written):
            continue
        is_epochs_number |= one.epoch_unit is not None
        micros = micros_of(written, one, rules)
        # Of several formats an epoch is only read by the unit in which it is plausible.
        if micros is not None and (len(formats) == 1 or not one.epoch_unit or _is_plausible(micros, rules)):
            return micros, _is_instant(written, one)
    raise NoObject(Rejection.TIME_OUT_OF_RANGE if is_epochs_number else Rejection.BAD_TIME)


def _is_instant(text: str, time: TimePattern) -> bool:
    return bool(re.search("[Zz+-]", text[16:])) if time.has_offset is None else time.has_offset


def micros_of(text: str, time: TimePattern, rules: TimeRules) -> int | None:
    """Microseconds since 1970 of a text of this form, one without an offset as if in UTC; None if the calendar has no such
    time, or an epoch's is not plausible."""
    if time.epoch_unit:
        return _counted(text, EPOCH_SHIFT[time.epoch_unit], rules)
    parts = re.fullmatch(_ISO_PARTS if time.pattern == ISO_WORD else _named_parts(time.pattern), text)
    return None if parts is None else _on_calendar(parts.groupdict())


def _counted(text: str, shift: int, rules: TimeRules) -> int | None:
    """The microsecond in which an epoch's number lies; None if it is not plausible."""
    with localcontext() as context:
        context.prec = len(text) + 200
        micros = Decimal(text).scaleb(shift).to_integral_value(ROUND_FLOOR)
        if not _micros(rules.earliest) <= micros <= _micros(rules.latest):
            return None
    if _is_cut_by_spark(text, shift):
        raise Undecided("its time has so many digits that only Spark can say which it cuts")
    return int(micros)


def _is_cut_by_spark(text: str, shift: int) -> bool:
    """Whether digits that Spark leaves out may belong to a microsecond:
    of negative numbers, and of nanoseconds with a large exponent.
    """
    number, _, exponent = text.lower().partition("e")
    return len(number.partition(".")[2]) > 15 and (text.startswith("-") or (shift < 0 and int(exponent or 0) > 18))


def _on_calendar(parts: dict[str, str | None]) -> int | None:
    year, month, day, hour, minute, second = (
        int(parts.get(name) or least) for name, least in zip(_NAMES, (1, 1, 1, 0, 0, 0), strict=True)
    )
    offset = _offset_seconds(parts.get("offset") or "")
    try:
        # A year 0 is none of Python's; 400 years later the calendar is the same.
        found = datetime(year or _CYCLE_YEARS, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    if offset is None:
        return None
    cut = int((parts.get("fraction") or "").ljust(6, "0")[:6])
    back = timedelta(days=_CYCLE_DAYS) if not year else timedelta()
    return _micros(found) - (back + timedelta(seconds=offset)) // _MICROSECOND + cut


_NAMES = ("year", "month", "day", "hour", "minute", "second")


def _offset_seconds(text: str) -> int | None:
    """East of Greenwich; None if it is more than 18 hours."""
    digits = re.sub("[^0-9]", "", text).ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    if minutes > 18 * 60:
        return None
    return -minutes * 60 if text.startswith("-") else minutes * 60


def _of_instant(micros: int, rules: TimeRules, zone: ZoneInfo) -> tuple[int, date]:
    _require_plausible(micros, rules)
    _require_known_rules(micros)
    return micros, _wall(micros, rules).replace(tzinfo=UTC).astimezone(zone).date()


def _of_local_time(micros: int, rules: TimeRules, zone: ZoneInfo) -> tuple[int, date]:
    """A local time that the clocks show twice is the earlier one; one that they skip is shifted by as much, and then refused."""
    local = _wall(micros, rules)
    try:
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        back = instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise _out_of_years(rules) from None
    _require_plausible(_micros(instant), rules)
    _require_known_rules(_micros(instant))
    if back != local:
        raise NoObject(Rejection.NONEXISTENT_TIME)
    return _micros(instant), local.date()


def _wall(micros: int, rules: TimeRules) -> datetime:
    try:
        return (EPOCH + micros * _MICROSECOND).replace(tzinfo=None)
    except OverflowError:
        raise _out_of_years(rules) from None


def _out_of_years(rules: TimeRules) -> Exception:
    """For a time before the year 1 or after 9999 in some zone, which only settings on that very edge take for plausible."""
    if rules.earliest.year > 1 and rules.latest.year < 9999:
        return NoObject(Rejection.TIME_OUT_OF_RANGE)
    return Undecided("its time is on the edge of the years 1 to 9999")


def _require_known_rules(micros: int) -> None:
    if micros < 0:
        raise Undecided("for times before 1970 the zones of Java, which count, may differ from those here")


def _require_plausible(micros: int, rules: TimeRules) -> None:
    if not _is_plausible(micros, rules):
        raise NoObject(Rejection.TIME_OUT_OF_RANGE)


def _is_plausible(micros: int, rules: TimeRules) -> bool:
    return _micros(rules.earliest) <= micros <= _micros(rules.latest)


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // _MICROSECOND

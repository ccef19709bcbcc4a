"""`dayfold plan --sample`: what would become of the first messages that the next run reads, found without Spark.

Reads a few messages and judges them by the rules they would be read by. Stores nothing, and decides nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group

from spark_jobs.base import machine
from spark_jobs.base.frequencies import most_frequent_first
from spark_jobs.base.plain_tables import WIDE, Cell, number, numbers, plain_table, texts, times
from spark_jobs.base.wording import counted, excerpt
from spark_jobs.beginning.some_messages import Message, first_messages
from spark_jobs.broker.cluster import connect_by
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.planning import Preview
from spark_jobs.pipeline.rules import DeclaredRules, Rules
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.readings.expectations import expected
from spark_jobs.readings.field_values import RecordVerdict, judge_record
from spark_jobs.readings.judging import MessageVerdict, judge_message
from spark_jobs.readings.rejected_hints import hint

LARGEST_SAMPLE = 1000
SHOWN = 160
"""Characters of a message in a table."""

ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", "not decided here"


@dataclass(frozen=True)
class Judged:
    """A message and what would become of it."""

    message: Message
    verdict: MessageVerdict | RecordVerdict

    @property
    def kind(self) -> str:
        if self.verdict.undecided:
            return UNDECIDED
        return REJECTED if self.verdict.reason else ACCEPTED


@dataclass(frozen=True)
class Sample:
    """The first messages of the next batch, by its rules; `allowed` is the fraction of a batch that may be rejected."""

    rules: Rules
    allowed: float
    messages: tuple[Judged, ...]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(one.kind for one in self.messages)

    @property
    def reasons(self) -> dict[str, int]:
        return most_frequent_first(Counter(str(one.verdict.reason) for one in self.messages if one.verdict.reason))


def sample_next(pipeline: Pipeline, environment: Mapping[str, str], found: Preview, most: int) -> Sample:
    """Judge the first messages that the next run reads: those of an unfinished batch by its own rules, others by the settings."""
    plan = CheckpointLog(Lake.of(pipeline)).progress.unfinished
    rules = plan.rules if plan else pipeline.rules(machine.now())
    asked = {one.partition: (one.start, one.end) for one in (plan.ranges if plan else found.partitions)}
    with connect_by(pipeline.kafka, environment) as broker:
        topic = broker.topic(pipeline.input.topic)
        there = {one.number: (one.low, one.stable) for one in topic.partitions}
        # What is gone is a problem that the plan says, and no reason to see nothing of the rest.
        spans = {one: (max(start, there[one][0]), min(end, there[one][1])) for one, (start, end) in asked.items() if one in there}
        messages = first_messages(broker, topic.name, spans, most)
    judged = tuple(Judged(message, _judge(message, rules)) for message in messages)
    return Sample(rules, pipeline.limits.max_rejected_fraction, judged)


def _judge(message: Message, rules: Rules) -> MessageVerdict | RecordVerdict:
    if isinstance(rules, DeclaredRules):
        return judge_record(message.value, rules, rules.records.fields, message.key, message.headers)
    return judge_message(message.value, rules)


def sample_report(found: Sample) -> dict[str, Any]:
    """The sample as plain values."""
    return {
        "count": len(found.messages),
        "accepted": found.kinds[ACCEPTED],
        "rejected": found.kinds[REJECTED],
        "undecided": found.kinds[UNDECIDED],
        "reasons": found.reasons,
        "messages": [_report(one, found.rules) for one in found.messages],
    }


def _report(one: Judged, rules: Rules) -> dict[str, Any]:
    verdict, raw = one.verdict, one.message.value
    facts = {name: value for name, value in asdict(verdict).items() if name not in ("micros", "reason")}
    return {
        "partition": one.message.partition,
        "offset": one.message.offset,
        "verdict": one.kind,
        "event_time": verdict.event_time,
        **facts,
        "reason": str(verdict.reason) if verdict.reason else None,
        "expected": expected(verdict.reason, rules) if verdict.reason else None,
        "message": None if raw is None else raw[:1000].decode(errors="backslashreplace"),
    }


def sample_table(pipeline: str, found: Sample, width: int) -> Group:
    """The sample for a terminal."""
    title = f"{pipeline}: {sample_sentence(found)}"
    if width >= WIDE:
        read = texts("fields") if isinstance(found.rules, DeclaredRules) else (*times("day"), *numbers("value"))
        columns = (*numbers("partition", "offset"), *texts("verdict"), *times("event time (UTC)"), *read)
        return plain_table(title, (*columns, *texts("message")), [_in_a_line(one, found.rules) for one in found.messages])
    columns = (*numbers("partition", "offset"), *texts("verdict", "reading, or message"))
    return plain_table(title, columns, [_stacked(one, found.rules) for one in found.messages])


def sample_sentence(found: Sample) -> str:
    """How many of the next messages are what, in one line."""
    if not found.messages:
        return "there is no message to look at"
    undecided = f", {found.kinds[UNDECIDED]} {UNDECIDED}" if found.kinds[UNDECIDED] else ""
    return f"of the next {counts_text(len(found.messages), found.kinds[ACCEPTED], found.reasons)}{undecided}"


def counts_text(messages: int, accepted: int, rejected: Mapping[str, int]) -> str:
    """
    >>> counts_text(20, 18, {"BAD_TIME": 2}), counts_text(1, 1, {})
    ('20 messages 18 would be accepted, 2 rejected (BAD_TIME 2)', '1 message 1 would be accepted, 0 rejected')
    """
    reasons = ", ".join(f"{reason} {count}" for reason, count in rejected.items())
    shown = f" ({reasons})" if reasons else ""
    return f"{counted(messages, 'message')} {accepted} would be accepted, {sum(rejected.values())} rejected{shown}"


def sample_notes(found: Sample) -> tuple[str, ...]:
    """What follows from the sample: whether a run would stop at such a batch, what its rejected messages say of the settings."""
    rejected = [one for one in found.messages if one.verdict.reason]
    notes = []
    if rejected and len(rejected) > found.allowed * len(found.messages):
        notes.append(
            f"a run stops, before anything is averaged, if more than {found.allowed:.2%} of a batch is rejected "
            "(limits.max_rejected_fraction)"
        )
    for reason in found.reasons:
        if said := hint(reason, [one.message.value for one in rejected if one.verdict.reason == reason], found.rules):
            notes.append(said)
    if found.rules.timezone != "UTC" and found.kinds[ACCEPTED]:
        notes.append(f"days of {found.rules.timezone} are by this Python's time zones here, and by Java's in a run")
    return tuple(notes)


def _in_a_line(one: Judged, rules: Rules) -> Sequence[Cell]:
    place = str(one.message.partition), number(one.message.offset)
    return *place, _verdict(one, rules), *_read(one.verdict), "" if one.kind == ACCEPTED else _begins(one)


def _stacked(one: Judged, rules: Rules) -> Sequence[Cell]:
    at, *read = _read(one.verdict)
    named = read if isinstance(one.verdict, RecordVerdict) else (f"day {read[0]}", read[1])
    reading = (f"{at} UTC", *named) if one.kind == ACCEPTED else (_begins(one),)
    return str(one.message.partition), number(one.message.offset), _verdict(one, rules), reading


def _read(verdict: MessageVerdict | RecordVerdict) -> tuple[str, ...]:
    """The time, and what else the columns of the table are."""
    if isinstance(verdict, RecordVerdict):
        shown = ", ".join(f"{name}={_plain(value)}" for name, value in verdict.values.items() if value is not None)
        return _at(verdict.event_time), excerpt(shown.encode(), SHOWN) or "-"
    if verdict.value is None:
        return "-", "-", "-"
    rounded = f" (rounded from {excerpt(verdict.rounded_from.encode(), 40)})" if verdict.rounded_from else ""
    return _at(verdict.event_time), str(verdict.day), _plain(verdict.value) + rounded


def _at(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}{f'.{time:%f}'.rstrip('0').rstrip('.')}"


def _plain(value: Any) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _verdict(one: Judged, rules: Rules) -> Cell:
    if one.verdict.undecided:
        return UNDECIDED, one.verdict.undecided
    if one.verdict.reason:
        return f"{REJECTED}: {one.verdict.reason}", f"expected {expected(one.verdict.reason, rules)}"
    return ACCEPTED


def _begins(one: Judged) -> str:
    return "-" if one.message.value is None else excerpt(one.message.value[:1000], SHOWN)

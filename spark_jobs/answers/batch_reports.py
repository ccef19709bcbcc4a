"""What `history` and `rejected` report, as plain values for JSON and as tables for a terminal. Finds out nothing itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group

from spark_jobs.answers.reports import rejected_text
from spark_jobs.base.plain_tables import WIDE, Cell, number, numbers, plain_table, texts, times
from spark_jobs.base.signature import signed_by
from spark_jobs.base.wording import counted, excerpt
from spark_jobs.lake.rejected import RejectedMessage, Rejections
from spark_jobs.pipeline.rules import Rules
from spark_jobs.progress.history import NEXT, BatchHistory
from spark_jobs.progress.ledger import Done, Planned
from spark_jobs.readings.expectations import expected

SHOWN = 160
"""Characters of a message in a table."""

_SHOWN_COUNTS = ("read", "accepted", "rejected", "filtered", "gaps")


def history_report(entries: Sequence[BatchHistory]) -> dict[str, Any]:
    """Newest first; what is not known, or not yet, is null."""
    return {"batches": [_batch_report(one) for one in entries]}


def _batch_report(one: BatchHistory) -> dict[str, Any]:
    return {
        "batch": one.batch if one.batch != NEXT else None,
        "state": one.state,
        "planned": _written(one.planned),
        "done": _written(one.done),
        **{name: one.total(name) for name in _SHOWN_COUNTS},
        "reasons": one.done.rejected if one.done else None,
        "seconds": one.seconds,
        "published": one.done.published if one.done else None,
        "decisions": [vars(decision) for decision in one.decisions],
    }


def _written(row: Planned | Done | None) -> dict[str, Any] | None:
    return {"at": row.at, "who": signed_by(row.by), "run_id": row.run_id} if row else None


def history_table(pipeline: str, entries: Sequence[BatchHistory], batches: int, width: int) -> Group:
    """Newest first."""
    shown = f", the newest {len(entries)}" if len(entries) < batches else ""
    title = f"{pipeline}: {counted(batches, 'batch')}{shown}" if entries else f"{pipeline}: no batch has been planned yet"
    if width >= WIDE:
        counts = _counts_of(entries)
        columns = (*numbers("batch"), *texts("state"), *times("planned", "done"), *texts("who", "run"), *numbers(*counts))
        rows = (_wide(one, counts) for one in entries)
        return plain_table(title, (*columns, *numbers("seconds", "published"), *texts("decisions")), rows)
    columns = (*numbers("batch"), *texts("state"), *times("planned\ndone"), *texts("who\nrun", "what became of it"))
    return plain_table(title, columns, (_narrow(one, _counts_of(entries)) for one in entries))


def _counts_of(entries: Sequence[BatchHistory]) -> Sequence[str]:
    """Records are only filtered where a pipeline says so."""
    return [name for name in _SHOWN_COUNTS if name != "filtered" or any(one.total(name) for one in entries)]


def _wide(one: BatchHistory, shown: Sequence[str]) -> Sequence[Cell]:
    names = (_both(one, _who), _both(one, _run))
    counts = (number(one.total(name)) for name in shown)
    return (
        _number_of(one),
        one.state,
        _at(one.planned),
        _at(one.done),
        *names,
        *counts,
        _seconds(one),
        _published(one),
        _decisions(one),
    )


def _narrow(one: BatchHistory, shown: Sequence[str]) -> Sequence[Cell]:
    counts = tuple(f"{number(one.total(name))} {name}" for name in shown)
    became = (*counts, f"{_published(one)} published", f"{_seconds(one)} seconds") if one.done else ()
    names = _both(one, _who) + _both(one, _run)
    return _number_of(one), one.state, (_at(one.planned), _at(one.done)), names, became + _decisions(one)


def _number_of(one: BatchHistory) -> str:
    return "next" if one.batch == NEXT else number(one.batch)


def _at(row: Planned | Done | None) -> str:
    return f"{row.at:%Y-%m-%d %H:%M:%S}" if row else "-"


def _both(one: BatchHistory, name: Callable[[Planned | Done], str]) -> tuple[str, ...]:
    """Of who planned the batch and of who finished it, if that is another; rows of before they were signed name nobody."""
    return tuple(dict.fromkeys(name(row) for row in (one.planned, one.done) if row and name(row) != "-"))


def _who(row: Planned | Done) -> str:
    return signed_by(row.by)


def _run(row: Planned | Done) -> str:
    return row.run_id


def _seconds(one: BatchHistory) -> str:
    return "-" if one.seconds is None else f"{one.seconds:,.1f}"


def _published(one: BatchHistory) -> str:
    return number(one.done.published if one.done else None)


def _decisions(one: BatchHistory) -> tuple[str, ...]:
    return tuple(f"{each.what}, {each.who}, {each.at:%Y-%m-%d %H:%M:%S}" for each in one.decisions)


def rejected_report(found: Rejections, messages: Sequence[RejectedMessage], rules: Mapping[int, Rules]) -> dict[str, Any]:
    """`message` is how the message begins, bytes that are no UTF-8 escaped; null if it had no value."""
    return {**asdict(found), "messages": [_message_report(one, rules) for one in messages]}


def _message_report(one: RejectedMessage, rules: Mapping[int, Rules]) -> dict[str, Any]:
    return {
        "batch": one.batch,
        "partition": one.partition,
        "offset": one.offset,
        "kafka_timestamp": one.kafka_timestamp,
        "reason": one.reason,
        "expected": _expected(one, rules),
        "bytes": one.size,
        "message": None if one.raw is None else one.raw.decode(errors="backslashreplace"),
    }


def _expected(one: RejectedMessage, rules: Mapping[int, Rules]) -> str:
    return expected(one.reason, rules[one.batch]) if one.batch in rules else "-"


def rejected_table(
    pipeline: str, found: Rejections, messages: Sequence[RejectedMessage], rules: Mapping[int, Rules], width: int
) -> Group:
    """Newest first; what was expected is by the rules of the batch that read the message."""
    summary = rejected_text(found) if found.count else "no finished batch rejected a message"
    title = (f"{pipeline}: {summary}", *_shown(found, messages))
    if width >= WIDE:
        columns = (*numbers("batch", "partition", "offset"), *times("sent", "reason"), *texts("expected", "message"))
        return plain_table(title, columns, [_in_a_line(one, rules) for one in messages])
    return plain_table(title, (*times("place"), *texts("reason", "message")), [_stacked(one, rules) for one in messages])


def _shown(found: Rejections, messages: Sequence[RejectedMessage]) -> tuple[str, ...]:
    if not messages:
        return ("the table records holds none of them any more",) if found.count else ()
    return (f"shown: {counted(len(messages), 'message')}, the newest first",)


def _in_a_line(one: RejectedMessage, rules: Mapping[int, Rules]) -> Sequence[Cell]:
    place = (number(one.batch), str(one.partition), number(one.offset))
    return *place, _sent(one), one.reason, _expected(one, rules), _begins(one)


def _stacked(one: RejectedMessage, rules: Mapping[int, Rules]) -> Sequence[Cell]:
    place = (f"batch {one.batch}", f"partition {one.partition}", f"offset {one.offset:,}", _sent(one))
    return place, (one.reason, f"expected {_expected(one, rules)}"), _begins(one)


def _sent(one: RejectedMessage) -> str:
    return f"{one.kafka_timestamp:%Y-%m-%d %H:%M:%S}" if one.kafka_timestamp else "-"


def _begins(one: RejectedMessage) -> str:
    return "-" if one.raw is None else excerpt(one.raw, SHOWN)

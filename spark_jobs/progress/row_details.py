"""The keys of the column `details` of the checkpoints, for each kind of row both ways: nobody else reads or writes one.

Rows of older versions lack facts, which then have their default. A plan that cannot be read keeps its place, its ranges and its
`trouble`. What is written never changes its form: who reads it may be an older version. Knows no table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from spark_jobs.base.signature import Signature, stored_signature
from spark_jobs.pipeline.rules import stored_rules
from spark_jobs.progress import ledger
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.definition import Change, Definition, defined_by, silent_of_old
from spark_jobs.progress.ledger import LedgerRow, Shared
from spark_jobs.progress.offsets import Loss, OffsetRange, Plan, Rebuild, ends_of
from spark_jobs.progress.stored_plans import FORMAT, NO_DETAILS, UNREADABLE, by_number, by_text, details_in, known, unusable_plan

Details = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Body:
    """The columns whose meaning depends on the kind of the row."""

    ranges: tuple[OffsetRange, ...]
    counts: tuple[Counts, ...]
    details: Details


def details_of(row: LedgerRow) -> Details:
    """What a row says besides its columns, as plain values."""
    facts = _facts(row)
    return {**facts, "by": row.by.stored} if row.by else facts


def _facts(row: LedgerRow) -> Details:
    match row:
        case ledger.Planned():
            return _plan_details(row.plan)
        case ledger.Counted():
            return {"rounded": row.tally.rounded, "gaps": dict(row.tally.gaps), "records": row.keeps_records}
        case ledger.Done():
            return _done_details(row)
        case ledger.Abandoned():
            return {}
        case ledger.Lost():
            return {"resume": by_text(row.resume), "losses": [_loss_details(one) for one in row.losses]}
        case ledger.Adopted():
            return {"start": row.start} if row.start is not None else _adopted_details(row)
        case ledger.Redefined():
            decided = {"changes": [vars(one) for one in row.changes], "confirmed": list(row.confirmed)}
            return {**_definition_details(row.definition), **decided}
        case ledger.Republished():
            return _republished_details(row)
        case ledger.Unreadable():
            raise row.damage


def rejected_in(text: str) -> dict[str, int]:
    """How many messages a batch rejected for which reason, by its DONE row's details alone."""
    return dict(details_in(text).get("rejected") or {})


def _plan_details(plan: Plan) -> Details:
    return {
        "format": FORMAT,
        **_definition_details(defined_by(plan)),
        "input_topic": plan.input_topic,
        "input_start": plan.input_start,
        "output_starts": by_text(plan.output_starts),
        "table_ids": dict(plan.table_ids),
        "nonce": plan.nonce,
        "records": plan.keeps_records,
        "revisions_after": plan.revisions_after,
        "epochs": by_text(plan.epochs),
        **({"rebuild": vars(plan.rebuild)} if plan.rebuild else {}),
        **({"shapes": list(plan.shapes)} if plan.shapes else {}),
    }


def _planned(shared: Shared, body: Body) -> ledger.Planned:
    try:
        return ledger.planned(_plan(shared, body), shared["run_id"], shared["at"], shared["by"])
    except UNREADABLE as error:
        return _unusable(shared, body, error)


def _unusable(shared: Shared, body: Body, error: Exception) -> ledger.Planned:
    definition = _tried(lambda: _definition(body.details, shared["at"]))
    return ledger.Planned(
        **shared,
        plan=unusable_plan(shared["batch"], shared["topic_id"], body.ranges, error),
        definition=definition if isinstance(definition, Definition) else None,
        outset=_tried(lambda: _outset(body.details)),
        keeps_records=_keeps_records(body.details),
    )


def _tried(read: Callable[[], T]) -> T | Exception:
    try:
        return read()
    except UNREADABLE as error:
        return error


def _plan(shared: Shared, body: Body) -> Plan:
    details = body.details
    _require_known(details)
    definition, outset = _definition(details, shared["at"]), _outset(details)
    return Plan(
        batch=shared["batch"],
        topic_id=shared["topic_id"],
        ranges=body.ranges,
        rules=definition.rules,
        output_topic_id=definition.output_topic_id,
        output_starts=outset.output_ends,
        table_ids=outset.table_ids,
        nonce=str(details["nonce"]),
        keeps_records=_keeps_records(details),
        silent=definition.silent,
        input_topic=details.get("input_topic"),
        output_topic=definition.output_topic,
        input_start=details.get("input_start"),
        revisions_after=outset.revisions_after,
        epochs=by_number(details.get("epochs", {})),
        rebuild=_rebuild(details),
        shapes=tuple(map(str, details.get("shapes", ()))),
    )


def _require_known(details: Details) -> None:
    """Raise `ValueError` if a plan's details are none, or are of a version that is newer than this one."""
    if NO_DETAILS in details:
        raise ValueError(details[NO_DETAILS])
    if int(details.get("format", FORMAT)) > FORMAT:
        raise ValueError(f"it was stored by a newer version of Dayfold (its format is {details['format']}, known is {FORMAT})")


def _outset(details: Details) -> ledger.Outset:
    return ledger.Outset(
        output_topic_id=str(details.get("output_topic_id")),
        output_ends=by_number(details["output_starts"]),
        table_ids={str(name): str(table) for name, table in details["table_ids"].items()},
        revisions_after=int(details.get("revisions_after", 0)),
    )


def _definition(details: Details, at: datetime) -> Definition:
    rules = stored_rules(details["rules"])
    silent = frozenset(details["silent"]) if "silent" in details else silent_of_old(rules, at)
    return Definition(rules, silent, details["output_topic_id"], details.get("output_topic"))


def _definition_details(definition: Definition) -> Details:
    return {
        "rules": definition.rules.model_dump(mode="json"),
        "silent": sorted(definition.silent),
        "output_topic_id": definition.output_topic_id,
        "output_topic": definition.output_topic,
    }


def _counted(shared: Shared, body: Body) -> ledger.Counted:
    tally = Tally(body.counts, body.details["rounded"], body.details["gaps"])
    return ledger.Counted(**shared, ranges=body.ranges, tally=tally, keeps_records=_keeps_records(body.details))


def _done_details(row: ledger.Done) -> Details:
    details: dict[str, Any] = {
        "published": row.published,
        "output_topic_id": row.output_topic_id,
        "output_ends": by_text(row.output_ends),
        "rounded": row.rounded,
        "rejected": row.rejected,
        "gaps": dict(row.gaps),
        "records": row.keeps_records,
        "seconds": dict(row.seconds),
        "groups": dict(row.groups) or None,
        "rebuild": vars(row.rebuild) if row.rebuild else None,
    }
    if row.decided and row.by:
        details["decided"] = {"published": row.decided, "by": row.by.stored}
    return known(details)


def _done(shared: Shared, body: Body) -> ledger.Done:
    details = body.details
    published, rejected = details.get("published"), details.get("rejected")
    return ledger.Done(
        **shared,
        ranges=body.ranges,
        counts=body.counts,
        published=None if published is None else int(published),
        output_topic_id=details.get("output_topic_id"),
        output_ends=by_number(details.get("output_ends") or {}),
        rounded=int(details.get("rounded", 0)),
        rejected=None if rejected is None else dict(rejected),
        gaps=dict(details.get("gaps") or {}),
        keeps_records=_keeps_records(details),
        seconds=dict(details.get("seconds") or {}),
        decided=(details.get("decided") or {}).get("published"),
        groups=dict(details.get("groups") or {}),
        rebuild=_rebuild(details),
    )


def _loss_details(one: Loss) -> Details:
    return {"partition": one.partition, "from": one.stored, "to": one.resume, "count": one.count, "cause": one.cause}


def _lost(shared: Shared, body: Body) -> ledger.Lost:
    losses = tuple(Loss(int(one["partition"]), int(one["from"]), int(one["to"]), one["cause"]) for one in body.details["losses"])
    return ledger.Lost(**shared, losses=losses, resume=by_number(body.details["resume"]))


def _adopted_details(row: ledger.Adopted) -> Details:
    details = {
        "before": row.before,
        "input_topic": row.input_topic,
        "input_start": row.input_start,
        "ends_before": by_text(row.ends_before),
        "known_until": by_text(row.known_until),
    }
    return known(details)


def _adopted(shared: Shared, body: Body) -> ledger.Adopted:
    details = body.details
    return ledger.Adopted(
        **shared,
        starts=ends_of(body.ranges),
        start=details.get("start"),
        before=details.get("before"),
        input_topic=details.get("input_topic"),
        input_start=details.get("input_start"),
        ends_before=by_number(details.get("ends_before", {})),
        known_until=by_number(details.get("known_until", {})),
    )


def _redefined(shared: Shared, body: Body) -> ledger.Redefined:
    return ledger.Redefined(
        **shared,
        definition=_definition(body.details, shared["at"]),
        changes=tuple(Change(**one) for one in body.details["changes"]),
        confirmed=tuple(body.details["confirmed"]),
    )


def _republished_details(row: ledger.Republished) -> Details:
    return {
        "republished": row.mark,
        "output_topic": row.output_topic,
        "output_topic_id": row.output_topic_id,
        "count": row.count,
        "days": [day.isoformat() for day in row.days] if row.days else None,
    }


def _republished(shared: Shared, body: Body) -> ledger.Republished:
    details = body.details
    days = details["days"] and tuple(map(date.fromisoformat, details["days"]))
    return ledger.Republished(
        **shared,
        mark=str(details["republished"]),
        output_topic=details["output_topic"],
        output_topic_id=details["output_topic_id"],
        count=details["count"],
        days=days or None,
    )


def _rebuild(details: Details) -> Rebuild | None:
    return Rebuild(**details["rebuild"]) if "rebuild" in details else None


def _keeps_records(details: Details) -> bool:
    return bool(details.get("records", True))


def signature_in(details: Details) -> Signature | None:
    return stored_signature(details.get("by"))


READERS: Mapping[str, Callable[[Shared, Body], LedgerRow]] = {
    ledger.Planned.STATE: _planned,
    ledger.Counted.STATE: _counted,
    ledger.Done.STATE: _done,
    ledger.Abandoned.STATE: lambda shared, body: ledger.Abandoned(**shared, ranges=body.ranges),
    ledger.Lost.STATE: _lost,
    ledger.Adopted.STATE: _adopted,
    ledger.Redefined.STATE: _redefined,
    ledger.Republished.STATE: _republished,
}

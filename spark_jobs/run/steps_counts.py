"""S3 of a batch whose records are not kept: counted and added up in one pass over Kafka, and only what is rejected is stored.

Nothing that is stored can tell later how many records there were, so the counts are a row of the checkpoints before anything is
averaged. From then on the batch is these counts, whoever finishes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from spark_jobs.aggregates.aggregate import Aggregate
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base.errors import DecisionNeeded, TableDamaged, TryAgain, go_on
from spark_jobs.base.faults import fault
from spark_jobs.base.machine import now
from spark_jobs.base.wording import counted
from spark_jobs.lake.health import anew_or_back
from spark_jobs.lake.record_files import PartitionRows
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.outlook.still_there import require_not_replaced, require_still_there, same_until
from spark_jobs.outlook.stored_records import rows_outside
from spark_jobs.progress.counts import Tally
from spark_jobs.progress.ledger import counted_row
from spark_jobs.progress.offsets import OffsetRange, Plan, Topic
from spark_jobs.run import gaps
from spark_jobs.run.job import Job
from spark_jobs.run.steps_records import (
    Taken,
    append_records,
    open_records,
    stored_rows,
    tally_of,
    write_records,
)


@dataclass(frozen=True)
class Sums:
    """What Kafka shows of a batch: its contributions, and what was read of each partition, with all its offsets added up."""

    contributions: pa.Table
    rows: Mapping[int, PartitionRows]
    offsets: Mapping[int, int]


def count_records(job: Job, plan: Plan, topic: Topic) -> Taken:
    """S3: add up the batch's records, store the rejected ones and the counts of all.

    Killed before the counts are stored: counted again, and what was rejected must be what `records` has of it. Killed after it:
    whatever is still to be added up must be as many.
    """
    table = open_records(job, plan)
    tally = job.checkpoints.progress.counted
    if tally is not None:
        _require_rejected(job, plan, {one.partition: one.rejected for one in tally.counts})
        return tally, partial(_add_up_again, job, plan, topic, tally)
    sums = _add_up(job, plan, topic)
    rejected = {number: one.rejected for number, one in sums.rows.items()}
    if job.lake.known_batch(table) < plan.batch:
        append_records(
            job, plan, table, partial(write_records, job, plan, only_rejected=True) if any(rejected.values()) else None
        )
    else:
        # Committed since this run began, maybe by one that died before the disk had it.
        job.lake.keep(RECORDS)
    _require_rejected(job, plan, rejected)
    tally = tally_of(plan, sums.rows, _explain_gaps(job, plan, topic, sums))
    fault("before:counted_commit")
    job.checkpoints.append_or_agree(counted_row(plan, tally, job.request.run_id, now()))
    fault("after:counted_commit")
    return tally, lambda _: sums.contributions


def _add_up(job: Job, plan: Plan, topic: Topic) -> Sums:
    require_still_there(job.broker, plan, topic)
    found = job.engine.add_up(job, plan)
    require_not_replaced(job.broker, plan, job.broker.topic(topic.name))
    sums = Sums(found.filter(pc.is_valid(found[DAILY_AVERAGE.window.column])), _rows_of(found), _offsets_of(found))
    for one in rows_outside(plan, sums.rows):
        raise _changed(
            plan,
            f"{counted(one.read, 'record')} at offsets {one.first} to {one.last} of partition {one.partition}, not "
            "all in its range",
        )
    return sums


def _rows_of(sums: pa.Table) -> dict[int, PartitionRows]:
    grouped = sums.group_by("partition", use_threads=False).aggregate(
        [("read", "sum"), (DAILY_AVERAGE.count.column, "sum"), ("rounded", "sum"), ("first", "min"), ("last", "max")]
    )
    rows = grouped.rename_columns(["partition", "read", "accepted", "rounded", "first", "last"]).to_pylist()
    return {row["partition"]: PartitionRows(**row) for row in rows}


def _add_up_again(job: Job, plan: Plan, topic: Topic, tally: Tally, _: Aggregate) -> pa.Table:
    sums = _add_up(job, plan, topic)
    for before, after in zip(tally.counts, tally_of(plan, sums.rows, ()).counts, strict=True):
        if before != after:
            raise DecisionNeeded(
                f"batch {plan.batch}: {topic.name} shows {counted(after.read, 'record')} of partition "
                f"{after.partition} ({after.accepted} accepted), but {before.read} ({before.accepted} accepted) were counted "
                f"when it was read first; was it compacted meanwhile? Nothing of the batch was averaged. {go_on('abandon')} "
                "to read it again.",
                ("abandon",),
            )
    return sums.contributions


def _require_rejected(job: Job, plan: Plan, wanted: Mapping[int, int]) -> None:
    """The table must hold the batch's rejected records, each, and no other of the batch."""
    rows = stored_rows(job, plan)
    for number in sorted(wanted.keys() | rows.keys()):
        found, rejected = rows.get(number), wanted.get(number, 0)
        if (found.read, found.accepted) != (rejected, 0) if found else rejected:
            held = f"{counted(found.read, 'record')} ({found.accepted} accepted)" if found else "no record"
            raise TableDamaged(
                RECORDS,
                f"it holds {held} of batch {plan.batch}, partition {number}, and should hold the {rejected} rejected ones "
                "(was the table restored, the topic compacted, or was the batch about to be abandoned?)",
                anew_or_back(job.lake, RECORDS, job.standing(plan)),
            )


def _offsets_of(sums: pa.Table) -> dict[int, int]:
    grouped = sums.group_by("partition", use_threads=False).aggregate([("offsets", "sum")])
    return {row["partition"]: int(row["offsets_sum"]) for row in grouped.to_pylist()}


def _explain_gaps(job: Job, plan: Plan, topic: Topic, sums: Sums) -> list[gaps.Gaps]:
    """Why offsets of the ranges hold no record; raises `TryAgain` if one of them does hold one.

    Costs another pass over the partitions that have holes, for their offsets alone.
    """
    incomplete = [one for one in plan.ranges if one.span > _read(sums, one.partition)]
    jumps = job.engine.find_holes(job, incomplete) if incomplete else None
    holes = {one.partition: _holes(one, sums.rows.get(one.partition), jumps) for one in incomplete}
    for one in incomplete:
        empty = sum(hole.span for hole in holes[one.partition])
        if _read(sums, one.partition) + empty != one.span:
            raise _changed(
                plan,
                f"{counted(_read(sums, one.partition), 'record')} of partition {one.partition}, then {one.span - empty}",
            )
    _require_each_once(plan, sums, holes)
    if not incomplete:
        return []
    found, missing = gaps.explain(job.broker, topic, holes, same_until(job.broker, plan, topic))
    if missing is not None:
        raise _changed(plan, f"no record at offset {missing.offset} of partition {missing.partition}, which other readers see")
    return found


def _require_each_once(plan: Plan, sums: Sums, holes: Mapping[int, Iterable[OffsetRange]]) -> None:
    """A record that was read twice and a hole are as many as two records, but their offsets do not add up to the same."""
    for one in plan.ranges:
        wanted = _added_up(one) - sum(map(_added_up, holes.get(one.partition, ())))
        if sums.offsets.get(one.partition, 0) != wanted:
            raise _changed(
                plan, f"{counted(_read(sums, one.partition), 'record')} of partition {one.partition}, one of them twice"
            )


def _added_up(offsets: OffsetRange) -> int:
    return (offsets.start + offsets.end - 1) * offsets.span // 2


def _holes(planned: OffsetRange, rows: PartitionRows | None, jumps: pa.Table) -> list[OffsetRange]:
    """The holes of one partition's range in their order: before its first record, between records, after its last."""
    if rows is None:
        return [planned]
    own = jumps.filter(pc.equal(jumps["partition"], planned.partition))
    edges = [
        (planned.start, rows.first),
        *zip(own["start"].to_pylist(), own["end"].to_pylist(), strict=True),
        (rows.last + 1, planned.end),
    ]
    return [OffsetRange(planned.partition, start, end) for start, end in sorted(edges) if start < end]


def _read(sums: Sums, partition: int) -> int:
    return sums.rows[partition].read if partition in sums.rows else 0


def _changed(plan: Plan, what: str) -> TryAgain:
    return TryAgain(f"batch {plan.batch}: Spark was shown {what}; nothing was averaged, run again")

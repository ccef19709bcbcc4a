"""S3: Kafka's records into the table `records`, once per batch, and nothing added up before they are known to be whole.

A step looks before it writes and verifies rows after: neither a silent skip nor the absence of an error is trusted.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from deltalake import DeltaTable
from deltalake.transaction import AddAction

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.faults import fault
from spark_jobs.base.wording import counted
from spark_jobs.lake import tables
from spark_jobs.lake.batch_commit import commit_batch
from spark_jobs.lake.health import anew_or_back
from spark_jobs.lake.record_files import PartitionRows, batch_rows, written_files
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.outlook.still_there import require_not_replaced, require_still_there, same_until
from spark_jobs.outlook.stored_records import Held, require_planned_records
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.offsets import OffsetRange, Plan, Topic
from spark_jobs.run import gaps
from spark_jobs.run.job import AddUp, Job

COMMIT_ATTEMPTS = 3
"""Reading Kafka once more would cost more than committing once more."""

Taken = tuple[Tally, AddUp]
"""What became of a batch's offsets, and how to get what its records add up to."""


def save_records(job: Job, plan: Plan, topic: Topic) -> Taken:
    """S3: read Kafka once and append the batch's records; what is there now.

    Killed before the commit: files that no version names, and the same ranges are read again into other files. Killed after
    it: the table's log knows the batch, and Kafka is not needed any more.
    """
    table = open_records(job, plan)
    if job.lake.known_batch(table) < plan.batch:
        require_still_there(job.broker, plan, topic)
        append_records(job, plan, table, partial(write_records, job, plan) if plan.span else None)
    else:
        # Committed since this run began, maybe by one that died before the disk had it.
        job.lake.keep(RECORDS)
    rows = stored_rows(job, plan)
    held = require_planned_records(job.lake, plan, rows, partial(job.standing, plan))
    return tally_of(plan, rows, _explain_gaps(job, plan, topic, rows, held)), partial(job.engine.add_up_stored, job, plan)


def open_records(job: Job, plan: Plan) -> DeltaTable:
    """The table as it is before the batch; raises if it is ahead of the batch."""
    table = job.lake.open(RECORDS)
    known = job.lake.known_batch(table)
    if known > plan.batch:
        # Of a run that slept while another one went on: the tables are ahead of what it read, not damaged.
        job.checkpoints.require_newest()
        raise TableDamaged(
            RECORDS, f"it knows batch {known}, the checkpoints end at {plan.batch}", "Restore checkpoints from a backup."
        )
    return table


def write_records(job: Job, plan: Plan, *, only_rejected: bool = False) -> list[AddAction]:
    """Write the batch's records, from Kafka, into files that are not yet part of the table; raises if the topic was created again
    or lost its end meanwhile, so that others may have been read.
    """
    files = written_files(job.lake, job.engine.write_records(job, plan, only_rejected=only_rejected))
    require_not_replaced(job.broker, plan, job.broker.topic(job.pipeline.input.topic))
    return files


def append_records(job: Job, plan: Plan, table: DeltaTable, write: Callable[[], list[AddAction]] | None) -> None:
    """Append the records that `write` writes as those of the batch, or note that there are none."""
    fault("before:records_files")
    files = [] if write is None else write()
    fault("before:records_commit")
    commit = partial(tables.add_files, files=files, app=job.lake.app(RECORDS), version=plan.batch)
    commit_batch(job.lake, table, plan.batch, commit, COMMIT_ATTEMPTS)
    fault("after:records_commit")


def stored_rows(job: Job, plan: Plan) -> dict[int, PartitionRows]:
    """What the table holds of the batch now, per partition."""
    table = job.lake.look(RECORDS)
    if job.lake.pruned_batch(table) >= plan.batch:
        # Of a run that slept for so long that the batch was finished without it and is old by now.
        job.checkpoints.require_newest()
    return batch_rows(table, plan.batch)


def tally_of(plan: Plan, rows: Mapping[int, PartitionRows], explained: Iterable[gaps.Gaps]) -> Tally:
    """The batch's counts of every planned partition, by what was found of each."""
    return Tally(
        counts=tuple(_counts(one, rows.get(one.partition)) for one in plan.ranges),
        rounded=sum(one.rounded for one in rows.values()),
        gaps={str(one.partition): str(one) for one in explained},
    )


def _counts(planned_range: OffsetRange, rows: PartitionRows | None) -> Counts:
    if rows is None:
        return Counts(planned_range.partition, 0, 0, 0, planned_range.span)
    gaps = planned_range.span - rows.read
    return Counts(rows.partition, rows.read, rows.accepted, rows.rejected, gaps, rows.filtered)


def _explain_gaps(job: Job, plan: Plan, topic: Topic, rows: Mapping[int, PartitionRows], held: Held) -> list[gaps.Gaps]:
    """Why offsets of the ranges hold no record; raises `TableDamaged` if one of them is a record that readers see.

    Nothing to ask where the topic is another one by now: the stored records are all that is left of it.
    """
    incomplete = [one for one in plan.ranges if one.span > _read(rows, one.partition)]
    if not incomplete or topic.id != plan.topic_id:
        return [gaps.Gaps(one.partition, unchecked=one.span - _read(rows, one.partition)) for one in incomplete]
    holes = {one.partition: gaps.find_holes(one, held[one.partition]) for one in incomplete}
    found, missing = gaps.explain(job.broker, topic, holes, same_until(job.broker, plan, topic))
    if missing is not None:
        raise TableDamaged(
            RECORDS,
            f"it holds {counted(_read(rows, missing.partition), 'record')} of partition {missing.partition} of batch "
            f"{plan.batch}, but not the one at offset {missing.offset}, which readers of {topic.name} see "
            "(was the table restored, or was the batch about to be abandoned?)",
            anew_or_back(job.lake, RECORDS, job.standing(plan)),
        )
    return found


def _read(rows: Mapping[int, PartitionRows], partition: int) -> int:
    return rows[partition].read if partition in rows else 0

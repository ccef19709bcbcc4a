"""S3: Kafka's records into the table `records`, once per batch, and nothing averaged before they are known to be whole.

A step looks before it writes and verifies rows after: neither a silent skip nor the absence of an error is trusted.
"""

import logging
from collections.abc import Mapping

import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from spark_jobs import gaps
from spark_jobs import lake as tables
from spark_jobs.errors import TableDamaged, TooManyRejected, TryAgain
from spark_jobs.faults import fault
from spark_jobs.job import Job
from spark_jobs.lake import RECORDS, LostRace, read_rows
from spark_jobs.messages import read_messages
from spark_jobs.offsets import OffsetRange, Plan, Topic
from spark_jobs.planning import require_still_there
from spark_jobs.record_files import PartitionRows, batch_rows, offsets_of, write_files
from spark_jobs.records import records_of
from spark_jobs.table_health import anew_or_back

log = logging.getLogger(__name__)

COMMIT_ATTEMPTS = 3


def save_records(job: Job, plan: Plan, topic: Topic) -> dict[int, PartitionRows]:
    """S3: read Kafka once and append the batch's records; what is there now, per partition.

    Killed before the commit: files that no version names, and the same ranges are read again into other files. Killed after
    it: the table's log knows the batch, and Kafka is not needed any more.
    """
    table = job.lake.open(RECORDS)
    known = job.lake.known_batch(table)
    if known > plan.batch:
        # Of a run that slept while another one went on: the tables are ahead of what it read, not damaged.
        job.checkpoints.require_newest()
        raise TableDamaged(
            RECORDS, f"it knows batch {known}, the checkpoints end at {plan.batch}", "Restore checkpoints from a backup."
        )
    if known < plan.batch:
        require_still_there(plan, topic)
        _append_records(job, plan, table)
    table = job.lake.open(RECORDS)
    if job.lake.pruned_batch(table) >= plan.batch:
        # Of a run that slept for so long that the batch was finished without it and is old by now.
        job.checkpoints.require_newest()
    rows = batch_rows(table, plan.batch)
    _require_rows_in_ranges(plan, rows)
    return rows


def _append_records(job: Job, plan: Plan, table: DeltaTable) -> None:
    java = job.kafka.java(job.java_secrets)
    job.kafka.write_java_secrets(job.java_secrets)
    messages = read_messages(job.spark(), job.pipeline.input.topic, plan.ranges, java)
    frame = records_of(messages, rules=plan.rules, batch=plan.batch, nonce=plan.nonce)
    fault("before:records_files")
    files = write_files(frame, job.lake, plan.batch)
    fault("before:records_commit")
    _commit_records(job, plan, table, files)
    fault("after:records_commit")


def _commit_records(job: Job, plan: Plan, table: DeltaTable, files: list[AddAction]) -> None:
    """Once more where the race was lost to a commit that wrote no batch: maintenance on another machine, somebody's DELETE."""
    for _ in range(COMMIT_ATTEMPTS):
        try:
            tables.add_files(table, files, app=job.lake.app(RECORDS), version=plan.batch)
            return
        except LostRace as error:
            table = job.lake.open(RECORDS)
            if job.lake.known_batch(table) >= plan.batch:
                log.warning("another run wrote the records of batch %d first; they are verified and used", plan.batch)
                return
            log.warning("another writer changed records meanwhile (%s); committing again", error)
    raise TryAgain(
        f"the records of batch {plan.batch} could not be committed: another writer keeps changing the table; run again"
    )


def _require_rows_in_ranges(plan: Plan, rows: Mapping[int, PartitionRows]) -> None:
    ranges = {one.partition: one for one in plan.ranges}
    for number, found in rows.items():
        planned_range = ranges.get(number, OffsetRange(number, 0, 0))
        if found.read > planned_range.span or found.first < planned_range.start or found.last >= planned_range.end:
            raise TableDamaged(
                RECORDS,
                f"batch {plan.batch} holds {found.read} records at offsets {found.first} to {found.last} of partition {number}, "
                f"planned were {planned_range.start} to {planned_range.end} (exclusive)",
                "Nothing was averaged; restore the table or abandon the batch with --abandon.",
            )


def explain_gaps(job: Job, plan: Plan, topic: Topic, rows: Mapping[int, PartitionRows]) -> list[gaps.Gaps]:
    """S3: why offsets of the ranges hold no record; raises `TableDamaged` if one of them is a record that readers see.

    Nothing to ask where the topic is another one by now: the stored records are all that is left of it.
    """
    incomplete = [one for one in plan.ranges if one.span > _read(rows, one.partition)]
    if not incomplete or topic.id != plan.topic_id:
        return [gaps.Gaps(one.partition, unchecked=one.span - _read(rows, one.partition)) for one in incomplete]
    table = job.lake.open(RECORDS)
    holes = {one.partition: gaps.find_holes(one, offsets_of(table, plan.batch, one.partition)) for one in incomplete}
    found, missing = gaps.explain(job.broker, topic, holes)
    if missing is not None:
        raise TableDamaged(
            RECORDS,
            f"it holds {_read(rows, missing.partition)} records of partition {missing.partition} of batch {plan.batch}, but not the "
            f"one at offset {missing.offset}, which readers of {topic.name} see "
            "(was the table restored, or was the batch about to be abandoned?)",
            anew_or_back(job.lake, RECORDS, plan.batch),
        )
    return found


def _read(rows: Mapping[int, PartitionRows], partition: int) -> int:
    return rows[partition].read if partition in rows else 0


def require_few_rejected(job: Job, plan: Plan, rows: Mapping[int, PartitionRows]) -> None:
    """End the run before anything is averaged if too much was rejected: the settings are wrong more often than the data."""
    read, accepted = sum(one.read for one in rows.values()), sum(one.accepted for one in rows.values())
    allowed = job.pipeline.limits.max_rejected_fraction
    if read - accepted > allowed * read:
        raise TooManyRejected(plan.batch, read - accepted, read, allowed, _frequent_reasons(job, plan))


def _frequent_reasons(job: Job, plan: Plan) -> tuple[str, ...]:
    """The five most frequent reasons of a batch, each with a first example."""
    rejected = read_rows(
        job.lake.open(RECORDS),
        ["rejected_because", "partition", "offset"],
        (ds.field("batch") == plan.batch) & ds.field("rejected_because").is_valid(),
    )
    examples = rejected.sort_by([("partition", "ascending"), ("offset", "ascending")])
    grouped = examples.group_by("rejected_because", use_threads=False).aggregate(
        [("offset", "count"), ("offset", "first"), ("partition", "first")]
    )
    top = grouped.sort_by([("offset_count", "descending"), ("rejected_because", "ascending")]).slice(0, 5).to_pylist()
    return tuple(
        f"  {row['offset_count']} x {row['rejected_because']}, for example partition {row['partition_first']} offset {row['offset_first']}"
        for row in top
    )

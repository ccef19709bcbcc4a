"""The steps of one batch, S2 to S7. Each says what a kill leaves behind and why the rerun makes that harmless.

A step looks before it writes and verifies rows after: neither a silent skip nor the absence of an error is trusted.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from spark_jobs import gaps
from spark_jobs import lake as tables
from spark_jobs.averages import contributions_of, daily_averages_of
from spark_jobs.broker import Broker
from spark_jobs.checkpoints import Checkpoint, CheckpointLog, Counts, planned
from spark_jobs.config import Pipeline
from spark_jobs.errors import Superseded, TableDamaged, TooManyRejected, TryAgain
from spark_jobs.faults import fault
from spark_jobs.kafka_settings import KafkaSettings
from spark_jobs.lake import CONTRIBUTIONS, DAILY_AVERAGES, RECORDS, Lake, LostRace, read_rows
from spark_jobs.messages import read_messages
from spark_jobs.offsets import OffsetRange, Plan, Topic
from spark_jobs.planning import require_still_there
from spark_jobs.publication import Publisher, Question, group_offsets, is_published, output_record
from spark_jobs.record_files import PartitionRows, batch_rows, offsets_of, read_records, write_files
from spark_jobs.records import records_of
from spark_jobs.table_health import anew_or_back, way_back

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

MERGE_ATTEMPTS = 3


@dataclass(frozen=True)
class Request:
    """What the operator asked of this run, besides the pipeline's settings."""

    run_id: str
    accept_loss: bool = False
    adopt_topic: bool = False
    abandon: bool = False
    published: bool | None = None


@dataclass(frozen=True)
class Job:
    """Everything that the steps of one run share; `seconds` collects how long each took."""

    pipeline: Pipeline
    request: Request
    kafka: KafkaSettings
    broker: Broker
    lake: Lake
    checkpoints: CheckpointLog
    spark: Callable[[], "SparkSession"]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def java_secrets(self) -> Path:
        """Where the Java client finds credentials; nothing of them stands in Spark's options."""
        return self.pipeline.state / f"{self.pipeline.name}.kafka-secrets.properties"


@contextmanager
def step(job: Job, plan: Plan, name: str) -> Iterator[None]:
    """Time a step of a batch, for the log and for the checkpoint's details."""
    begun = time.monotonic()
    yield
    job.seconds[name] = round(time.monotonic() - begun, 3)
    log.info("%-8s batch %d: %.1f s", name, plan.batch, job.seconds[name])


def now() -> datetime:
    """The clock of the run, for what is written down; never for what is decided."""
    return datetime.now(UTC)


def commit_plan(job: Job, plan: Plan) -> Plan:
    """S2: store the plan before its first record is read; from here on the batch is these ranges, whatever arrives.

    Killed before the append: nothing happened. After it: the next run resumes exactly this plan.
    """
    job.checkpoints.create()
    fault("before:plan_commit")
    plan = replace(plan, table_ids=job.lake.ids())
    job.checkpoints.append(planned(plan, job.request.run_id, now()))
    fault("after:plan_commit")
    log.info("plan     batch %d: %d offsets of %d partitions", plan.batch, plan.span, sum(1 for one in plan.ranges if one.span))
    return plan


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
    rows = batch_rows(job.lake.open(RECORDS), plan.batch)
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
    try:
        tables.add_files(table, files, app=job.lake.app(RECORDS), version=plan.batch)
    except LostRace:
        log.warning("another run wrote the records of batch %d first; they are verified and used", plan.batch)
    fault("after:records_commit")


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


def save_contributions(job: Job, plan: Plan, accepted: int) -> pa.Table:
    """S4: aggregate the batch's records and append what they add, once; rows per (partition, date) of the batch.

    Killed before the commit: aggregated again from `records`. After it: found and not repeated.
    """
    table = job.lake.open(CONTRIBUTIONS)
    found = _contributions(table, plan)
    if job.lake.known_batch(table) < plan.batch and not found.num_rows and accepted:
        _append_contributions(job, plan, table)
        found = _contributions(job.lake.open(CONTRIBUTIONS), plan)
    counted = pc.sum(found["value_count"]).as_py() or 0
    if accepted and not counted:
        raise TableDamaged(
            CONTRIBUTIONS,
            f"its log says that batch {plan.batch} was averaged, but no row of it is there "
            "(was the table restored, or was the batch about to be abandoned?)",
            anew_or_back(job.lake, CONTRIBUTIONS, plan.batch),
        )
    if counted != accepted:
        raise TableDamaged(
            CONTRIBUTIONS,
            f"batch {plan.batch} counts {counted} readings, records holds {accepted}",
            way_back(job.lake, CONTRIBUTIONS),
        )
    return found


def _append_contributions(job: Job, plan: Plan, table: DeltaTable) -> None:
    frame = contributions_of(read_records(job.spark(), job.lake, plan.batch))
    rows = frame.toArrow().select(tables.SCHEMAS[CONTRIBUTIONS].names).cast(tables.SCHEMAS[CONTRIBUTIONS])
    fault("before:contributions_commit")
    try:
        tables.append_once(table, rows, app=job.lake.app(CONTRIBUTIONS), version=plan.batch)
    except LostRace:
        log.warning("another run wrote the contributions of batch %d first; they are verified and used", plan.batch)
    fault("after:contributions_commit")


def _contributions(table: DeltaTable, plan: Plan) -> pa.Table:
    return read_rows(table, where=ds.field("batch") == plan.batch)


def save_averages(job: Job, plan: Plan, contributions: pa.Table) -> pa.Table:
    """S5: set the touched daily averages to the sum of all their contributions up to this batch; the rows to publish.

    Killed anywhere: repeating it sets the same values and the same revision.
    """
    keys = contributions.select(["partition", "date"])
    if not keys.num_rows:
        return tables.SCHEMAS[DAILY_AVERAGES].empty_table()
    wanted = daily_averages_of(_all_contributions(job, plan, keys), batch=plan.batch)
    fault("before:averages_commit")
    _merge(job, plan, wanted)
    fault("after:averages_commit")
    stored = _touched(read_rows(job.lake.open(DAILY_AVERAGES), where=_days(keys)), keys)
    _require_averages(plan, wanted, stored)
    return stored


def _all_contributions(job: Job, plan: Plan, keys: pa.Table) -> pa.Table:
    rows = read_rows(job.lake.open(CONTRIBUTIONS), where=_days(keys) & (ds.field("batch") <= plan.batch))
    return _touched(rows, keys)


def _days(keys: pa.Table) -> ds.Expression:
    """A range rather than a list: file statistics skip by it, and the join that follows is exact."""
    bounds = pc.min_max(keys["date"])
    return (ds.field("date") >= bounds["min"]) & (ds.field("date") <= bounds["max"])


def _touched(rows: pa.Table, keys: pa.Table) -> pa.Table:
    """Rows whose (partition, date) is among the keys."""
    return rows.join(keys, ["partition", "date"], join_type="left semi", use_threads=False)


def _merge(job: Job, plan: Plan, wanted: pa.Table) -> None:
    for _ in range(MERGE_ATTEMPTS):
        table = job.lake.open(DAILY_AVERAGES)
        fault("before:averages_merge")
        try:
            tables.merge_averages(table, wanted, app=job.lake.app(DAILY_AVERAGES), version=plan.batch)
            return
        except LostRace as error:
            log.warning("another run changed the daily averages meanwhile (%s); merging again", error)
    raise TryAgain(
        f"the daily averages of batch {plan.batch} could not be merged: another writer keeps changing the table; run again"
    )


def _require_averages(plan: Plan, wanted: pa.Table, stored: pa.Table) -> None:
    newest = pc.max(stored["batch"]).as_py() if stored.num_rows else None
    if newest is not None and newest > plan.batch:
        raise Superseded(
            f"the daily averages already hold batch {newest}, this run is at batch {plan.batch}; a newer run goes on"
        )
    order = [("partition", "ascending"), ("date", "ascending")]
    columns = [name for name in wanted.column_names if name != "revision"]
    if not wanted.select(columns).sort_by(order).equals(stored.select(columns).sort_by(order)):
        raise TableDamaged(
            DAILY_AVERAGES,
            f"after the merge of batch {plan.batch} it does not hold the sums of contributions",
            "Nothing was published; run again.",
        )


def publish(job: Job, plan: Plan, publisher: Publisher, rows: pa.Table) -> int:
    """S6: publish the changed daily averages and the group's offsets in one transaction, unless that is proven done already.

    Killed before the coordinator has the commit: invisible, and published again. After it: proven, and not repeated.
    """
    question = Question(job.pipeline.name, job.pipeline.input.topic, job.pipeline.output.topic, job.request.published)
    if is_published(job.broker, plan, question):
        log.info("publish  batch %d was published already", plan.batch)
        return len(rows)
    value_field = job.pipeline.input.value.field
    ordered = rows.sort_by([("partition", "ascending"), ("date", "ascending")]).to_pylist()
    records = (output_record(row, pipeline=job.pipeline.name, value_field=value_field) for row in ordered)
    offsets = group_offsets(job.pipeline.input.topic, plan.batch, plan.ranges)
    return publisher.publish(job.pipeline.output.topic, records, offsets)


def finish(job: Job, plan: Plan, rows: Mapping[int, PartitionRows], explained: Iterable[gaps.Gaps], published: int) -> Checkpoint:
    """S7: the row that makes the planned ends the next batch's starts.

    Killed before the append: published and proven, only this step is repeated.
    """
    details = {
        "published": published,
        "rounded": sum(one.rounded for one in rows.values()),
        "gaps": {str(one.partition): str(one) for one in explained},
        "seconds": dict(job.seconds),
    }
    counts = tuple(_counts(one, rows.get(one.partition)) for one in plan.ranges)
    done = Checkpoint(plan.batch, "DONE", job.request.run_id, now(), plan.topic_id, plan.ranges, counts, details)
    fault("before:done_commit")
    job.checkpoints.append(done)
    fault("after:done_commit")
    return done


def _counts(planned_range: OffsetRange, rows: PartitionRows | None) -> Counts:
    if rows is None:
        return Counts(planned_range.partition, 0, 0, 0, planned_range.span)
    return Counts(rows.partition, rows.read, rows.accepted, rows.read - rows.accepted, planned_range.span - rows.read)


def summary(done: Checkpoint) -> str:
    """What a finished batch amounts to, for the log."""
    read, rejected = sum(one.read for one in done.counts), sum(one.rejected for one in done.counts)
    return (
        f"{read} records read, {rejected} rejected, {sum(one.gaps for one in done.counts)} gaps, "
        f"{done.details['rounded']} rounded, {done.details['published']} averages published"
    )

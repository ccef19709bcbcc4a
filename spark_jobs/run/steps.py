"""S2, S6 and S7: the batch is planned, published and done. Each says what a kill leaves behind and why the rerun makes that
harmless.

S3 is in `steps_records.py`, or `steps_counts.py` where records are not kept; S4 and S5 are in `steps_totals.py`.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from spark_jobs.base.errors import DecisionNeeded, TryAgain
from spark_jobs.base.faults import fault
from spark_jobs.base.machine import now
from spark_jobs.base.signature import signature
from spark_jobs.base.wording import counted
from spark_jobs.broker.publisher import OutputRecord, Publisher, group_offsets
from spark_jobs.lake.columns import give_columns
from spark_jobs.lake.schemas import layout_of
from spark_jobs.lake.tables import LostRace
from spark_jobs.outlook.proof import Answer, Question, question_of
from spark_jobs.outlook.witnesses import Remaining, confirm, find_remaining
from spark_jobs.progress.counts import Tally
from spark_jobs.progress.ledger import Done, planned
from spark_jobs.progress.offsets import Plan
from spark_jobs.run.job import Job
from spark_jobs.run.output_records import output_record
from spark_jobs.run.steps_totals import RowsByTable

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 10_000


def commit_plan(job: Job, plan: Plan) -> Plan:
    """S2: store the plan before its first record is read; from here on the batch is these ranges, whatever arrives.

    Killed before the append: nothing happened. After it: the next run resumes exactly this plan.
    """
    job.checkpoints.create()
    fault("before:plan_commit")
    # Those that the tables of the last batch had were compared when this run began.
    plan = replace(plan, table_ids=job.lake.ids(job.checkpoints.progress.table_ids))
    job.checkpoints.append(planned(plan, job.request.run_id, now(), signature(job.request.run_id, os.environ)))
    fault("after:plan_commit")
    partitions = sum(1 for one in plan.ranges if one.span)
    what = f"rebuilds {plan.rebuild}" if plan.rebuild else f"{counted(plan.span, 'offset')} of {counted(partitions, 'partition')}"
    log.info("plan     batch %d: %s", plan.batch, what)
    return plan


def prepare_tables(job: Job, plan: Plan) -> None:
    """Before S3: the tables get the columns that the batch wants, if the last finished one wanted others.

    Killed anywhere: the plan is resumed, and the tables that have not got them yet get them. Tables that know the batch are past
    it, so a run that slept changes nothing of what a newer one has planned.
    """
    fault("before:columns")
    followed = job.checkpoints.progress.followed
    if followed is None or layout_of(followed.rules) != job.lake.layout:
        try:
            give_columns(job.lake, plan.batch)
        except LostRace as error:
            raise TryAgain(f"another run changed the tables of batch {plan.batch} meanwhile ({error}); run again") from error
    fault("after:columns")


@dataclass(frozen=True)
class Publication:
    """As many totals as belong to a batch, where the output topic of that id ends behind them, and the operator's word on what
    of them was published, if it was needed.
    """

    count: int
    topic_id: str
    ends: Mapping[int, int]
    decided: Answer | None = None


def publish(job: Job, plan: Plan, publisher: Publisher, totals: RowsByTable) -> Publication:
    """S6: publish the changed totals and the group's offsets in one transaction, unless that is proven done already.

    Killed before the coordinator has the commit: invisible, and published again. After it: proven, and not repeated. Killed
    before the commit was read back: the next run looks as if nobody had confirmed anything.
    """
    records = {(one.partition, one.key): one for one in _records(job, plan, totals)}
    question = question_of(job.pipeline, plan, frozenset(records), job.request.published)
    left = _remaining(job, plan, question)
    if left.settled:
        log.info("publish  batch %d was published already", plan.batch)
        return Publication(len(records), left.output.topic_id, left.output.ends)
    offsets = group_offsets(question.input_topic, plan.batch, plan.ranges)
    publisher.publish(question.output_topic, [one for key, one in records.items() if key in left.averages], offsets)
    ends = confirm(job.broker, plan, question, publisher.last)
    return Publication(len(records), left.output.topic_id, ends, left.decided)


def _records(job: Job, plan: Plan, totals: RowsByTable) -> Iterator[OutputRecord]:
    for one in job.lake.layout.published:
        # In parts: as Python's objects all rows would take more memory than their messages.
        for part in totals[one.name].sort_by(one.order).to_batches(max_chunksize=ROWS_AT_ONCE):
            for row in part.to_pylist():
                yield output_record(row, one, pipeline=job.pipeline.name, rules=plan.rules, partitions=len(plan.output_starts))


def _remaining(job: Job, plan: Plan, question: Question) -> Remaining:
    try:
        return find_remaining(job.broker, plan, question)
    except DecisionNeeded:
        # A run that slept may see what a newer one has published meanwhile.
        job.checkpoints.require_newest()
        raise


def finish(job: Job, done: Done) -> None:
    """S7: the row that makes the planned ends the next batch's starts.

    Killed before the append: published and proven, only this step is repeated.
    """
    fault("before:done_commit")
    job.checkpoints.append(done)
    fault("after:done_commit")


def done_row(job: Job, plan: Plan, tally: Tally, published: Publication, groups: Mapping[str, int]) -> Done:
    """What is remembered of a batch; `groups` are those that it touched, by aggregate."""
    return Done(
        batch=plan.batch,
        run_id=job.request.run_id,
        at=now(),
        topic_id=plan.topic_id,
        by=signature(job.request.run_id, os.environ),
        ranges=plan.ranges,
        counts=tally.counts,
        published=published.count,
        output_topic_id=published.topic_id,
        output_ends=published.ends,
        rounded=tally.rounded,
        rejected=dict(tally.reasons),
        gaps=tally.gaps,
        keeps_records=plan.keeps_records,
        seconds=dict(job.seconds),
        decided=published.decided,
        groups=groups,
        rebuild=plan.rebuild,
    )

"""What an operator decides before a batch is planned: abandon an unfinished one, accept a loss, adopt a topic created again.

Nothing is ever reset silently: each difference between the stored offsets and the topic stops the run with the command that
goes on, and each decision is a row of the checkpoints.
"""

import logging
import os
from collections.abc import Mapping

from deltalake import DeltaTable

from spark_jobs.base.errors import DecisionNeeded, TryAgain, UsageError
from spark_jobs.base.faults import fault
from spark_jobs.base.machine import now
from spark_jobs.base.signature import signature
from spark_jobs.lake import tables
from spark_jobs.lake.record_files import delete_batch
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import LostRace
from spark_jobs.outlook.still_there import losses_of, require_no_losses, require_same_topic
from spark_jobs.outlook.topics import first_starts
from spark_jobs.progress.ledger import Abandoned, Adopted, Lost, Redefined, Shared
from spark_jobs.progress.offsets import Loss, Topic, ends_of
from spark_jobs.progress.redefinition import (
    changes_since,
    current_definition,
    fixed_since,
    redefinitions,
    require_same_definition,
)
from spark_jobs.run.job import Job

log = logging.getLogger(__name__)


def abandon(job: Job) -> None:
    """Give up an unfinished batch before it counted anywhere: close the tables to it, delete its records, then say so.

    Closed means that the tables' logs know the batch: a run that froze while it worked on it, on another machine, can append
    nothing when it wakes up. Killed in between: the plan is still unfinished, a run finds rows missing and asks for this again.
    """
    plan = job.checkpoints.progress.unfinished
    if plan is None:
        raise UsageError("there is no unfinished batch to abandon; run again without --abandon")
    job = job.of(plan)
    if job.standing(plan).counts_already:
        raise DecisionNeeded(
            f"batch {plan.batch} has been averaged already and cannot be abandoned; run without --abandon to finish it"
        )
    try:
        for one in job.lake.layout.all_aggregates:
            _close(job, job.lake.open(one.contributions_table), plan.batch)
        _close(job, job.lake.open(RECORDS), plan.batch)
        fault("before:abandon_delete")
        delete_batch(job.lake.open(RECORDS), plan.batch, app=job.lake.app(RECORDS))
    except LostRace as error:
        raise TryAgain(f"batch {plan.batch} is being worked on by another run; nothing was abandoned yet") from error
    fault("after:abandon_delete")
    job.checkpoints.append(Abandoned(**_signed(job, plan.batch, plan.topic_id), ranges=plan.ranges))
    log.info("batch %d abandoned; the next plan begins where it began", plan.batch)


def _close(job: Job, table: DeltaTable, batch: int) -> None:
    if job.lake.known_batch(table) < batch:
        tables.add_files(table, [], app=job.lake.app(str(table.metadata().name)), version=batch)


def settle_topic(job: Job, topic: Topic) -> None:
    """S2, before planning: compare the stored offsets with the topic, and record what the operator decided about a difference."""
    progress = job.checkpoints.progress
    if job.request.adopt_topic and progress.topic_id not in (None, topic.id):
        job.checkpoints.append(_adopted(job, topic))
        return
    require_same_topic(progress, topic)
    losses = losses_of(job.broker, progress, topic)
    if losses and job.request.accept_loss:
        _record_losses(job, topic, losses)
    else:
        require_no_losses(topic, losses)


def settle_definition(job: Job, output: Topic) -> None:
    """S2, before planning: compare what the settings define with the batches so far, and record what the operator decided about
    it.

    Killed after the row: batches follow the new settings from then on, and nobody is asked again.
    """
    progress, now_defined = job.checkpoints.progress, current_definition(job.pipeline, output, now())
    if not job.request.adopt_definition or progress.definition is None or fixed_since(progress, now_defined):
        require_same_definition(job.pipeline, progress, now_defined)
        return
    found = changes_since(progress, now_defined)
    # Of before there was anybody to ask.
    confirmed = [one.batch for one in redefinitions(job.checkpoints.rows) if one.decided is None]
    if found or confirmed:
        signed = _signed(job, progress.last_batch, str(progress.topic_id))
        job.checkpoints.append(Redefined(**signed, definition=now_defined, changes=found, confirmed=tuple(confirmed)))
        fault("after:redefined")
        for one in found:
            log.warning("from batch %d on: %s", progress.last_batch + 1, one)


def _adopted(job: Job, topic: Topic) -> Adopted:
    """The old topic's unread records began at `ends_before` and reached at least to `known_until`, as far as a batch was planned
    that had to be abandoned.
    """
    progress, last = job.checkpoints.progress, job.checkpoints.last
    return Adopted(
        **_signed(job, progress.last_batch, topic.id),
        starts=first_starts(job.broker, job.pipeline, topic),
        before=progress.topic_id,
        input_topic=topic.name,
        input_start=str(job.pipeline.input.start),
        ends_before=progress.ends,
        known_until=ends_of(last.ranges) if isinstance(last, Abandoned) else {},
    )


def remember_start(job: Job, topic: Topic, starts: Mapping[int, int]) -> None:
    """On a first run that has nothing to read: store where it began, or "latest" would be another place every time."""
    if job.checkpoints.progress.is_first_run and job.pipeline.input.start != "earliest":
        signed = _signed(job, 0, topic.id)
        job.checkpoints.append(Adopted(**signed, starts=starts, start=str(job.pipeline.input.start)))


def _record_losses(job: Job, topic: Topic, losses: tuple[Loss, ...]) -> None:
    signed = _signed(job, job.checkpoints.progress.last_batch, topic.id)
    job.checkpoints.append(Lost(**signed, losses=losses, resume={loss.partition: loss.resume for loss in losses}))
    for loss in losses:
        log.warning("loss accepted: %s", loss)


def _signed(job: Job, batch: int, topic_id: str) -> Shared:
    """What every decision of this run has."""
    run_id = job.request.run_id
    return {"batch": batch, "run_id": run_id, "at": now(), "topic_id": topic_id, "by": signature(run_id, os.environ)}

"""What an operator decides before a batch is planned: abandon an unfinished one, accept a loss, adopt a topic created anew.

Nothing is ever reset silently: each difference between the stored offsets and the topic stops the run with the command that
goes on, and each decision is a row of the checkpoints.
"""

import logging
import os
from collections.abc import Mapping

from deltalake import DeltaTable

from spark_jobs.base.errors import DecisionNeeded, TryAgain, UsageError
from spark_jobs.base.faults import fault
from spark_jobs.base.signature import signature
from spark_jobs.lake import tables
from spark_jobs.lake.health import is_averaged
from spark_jobs.lake.record_files import delete_batch
from spark_jobs.lake.schemas import CONTRIBUTIONS, RECORDS
from spark_jobs.lake.tables import LostRace
from spark_jobs.outlook.still_there import losses_of, require_no_losses, require_same_topic
from spark_jobs.outlook.topics import first_starts
from spark_jobs.progress.checkpoints import Checkpoint
from spark_jobs.progress.definition import to_details
from spark_jobs.progress.offsets import Loss, OffsetRange, Topic, ends_of
from spark_jobs.progress.redefinition import changes_since, current_definition, redefinitions, require_same_definition
from spark_jobs.progress.row_order import State
from spark_jobs.run.job import Job, now

log = logging.getLogger(__name__)


def abandon(job: Job) -> None:
    """Give up an unfinished batch before it counted anywhere: close the tables to it, delete its records, then say so.

    Closed means that the tables' logs know the batch: a run that froze while it worked on it, on another machine, can append
    nothing when it wakes up. Killed in between: the plan is still unfinished, a run finds rows missing and asks for this again.
    """
    plan = job.checkpoints.progress.unfinished
    if plan is None:
        raise UsageError("there is no unfinished batch to abandon; run again without --abandon")
    if is_averaged(job.lake, plan.batch):
        raise DecisionNeeded(
            f"batch {plan.batch} has been averaged already and cannot be abandoned; run without --abandon to finish it"
        )
    try:
        _close(job, job.lake.open(CONTRIBUTIONS), plan.batch)
        _close(job, job.lake.open(RECORDS), plan.batch)
        fault("before:abandon_delete")
        delete_batch(job.lake.open(RECORDS), plan.batch, app=job.lake.app(RECORDS))
    except LostRace as error:
        raise TryAgain(f"batch {plan.batch} is being worked on by another run; nothing was abandoned yet") from error
    fault("after:abandon_delete")
    _append(job, "ABANDONED", plan.batch, plan.topic_id, plan.ranges)
    log.info("batch %d abandoned; the next plan begins where it began", plan.batch)


def _close(job: Job, table: DeltaTable, batch: int) -> None:
    if job.lake.known_batch(table) < batch:
        tables.add_files(table, [], app=job.lake.app(str(table.metadata().name)), version=batch)


def settle_topic(job: Job, topic: Topic) -> None:
    """S2, before planning: compare the stored offsets with the topic, and record what the operator decided about a difference."""
    progress = job.checkpoints.progress
    if job.request.adopt_topic and progress.topic_id not in (None, topic.id):
        starts = first_starts(job.broker, job.pipeline, topic)
        named = {"input_topic": topic.name, "input_start": str(job.pipeline.input.start)}
        details = {"before": progress.topic_id, **named, **_left_unread(job)}
        _append(job, "ADOPTED", progress.last_batch, topic.id, _empty_ranges(starts), details)
        return
    require_same_topic(progress, topic)
    losses = losses_of(job.broker, progress, topic)
    if losses and job.request.accept_loss:
        _record_losses(job, topic, losses)
    else:
        require_no_losses(topic, losses)


def settle_definition(job: Job, output: Topic) -> None:
    """S2, before planning: compare what the settings define with the batches so far, and record what the operator decided about it.

    Killed after the row: batches follow the new settings from then on, and nobody is asked again.
    """
    progress, now_defined = job.checkpoints.progress, current_definition(job.pipeline, output, now())
    if not job.request.adopt_definition or progress.definition is None:
        require_same_definition(job.pipeline, progress, now_defined)
        return
    found = changes_since(progress, now_defined)
    # Of before there was anybody to ask.
    confirmed = [one.batch for one in redefinitions(job.checkpoints.rows) if one.decided is None]
    if found or confirmed:
        details = {**to_details(now_defined), "changes": [vars(one) for one in found], "confirmed": confirmed}
        _append(job, "REDEFINED", progress.last_batch, str(progress.topic_id), (), details)
        fault("after:redefined")
        for one in found:
            log.warning("from batch %d on: %s", progress.last_batch + 1, one)


def _left_unread(job: Job) -> dict[str, dict[str, int]]:
    """What is known of the old topic's unread records: they began at `ends_before` and reached at least to `known_until`,
    as far as a batch was planned that had to be abandoned.
    """
    progress, last = job.checkpoints.progress, job.checkpoints.last
    known = ends_of(last.ranges) if last and last.state == "ABANDONED" else {}
    return {
        "ends_before": {str(number): end for number, end in progress.ends.items()},
        "known_until": {str(number): end for number, end in known.items()},
    }


def remember_start(job: Job, topic: Topic, starts: Mapping[int, int]) -> None:
    """On a first run that has nothing to read: store where it began, or "latest" would be another place every time."""
    if job.checkpoints.progress.is_first_run and job.pipeline.input.start != "earliest":
        _append(job, "ADOPTED", 0, topic.id, _empty_ranges(starts), {"start": str(job.pipeline.input.start)})


def _record_losses(job: Job, topic: Topic, losses: tuple[Loss, ...]) -> None:
    details = {
        "resume": {str(loss.partition): loss.resume for loss in losses},
        "losses": [
            {"partition": loss.partition, "from": loss.stored, "to": loss.resume, "count": loss.count, "cause": loss.cause}
            for loss in losses
        ],
    }
    ranges = tuple(OffsetRange(loss.partition, min(loss.stored, loss.resume), max(loss.stored, loss.resume)) for loss in losses)
    _append(job, "LOSS", job.checkpoints.progress.last_batch, topic.id, ranges, details)
    for loss in losses:
        log.warning("loss accepted: %s", loss)


def _empty_ranges(starts: Mapping[int, int]) -> tuple[OffsetRange, ...]:
    return tuple(OffsetRange(number, start, start) for number, start in sorted(starts.items()))


def _append(
    job: Job, state: State, batch: int, topic_id: str, ranges: tuple[OffsetRange, ...], details: Mapping[str, object] = {}
) -> None:
    signed = {**details, "by": signature(job.request.run_id, os.environ)}
    job.checkpoints.append(Checkpoint(batch, state, job.request.run_id, now(), topic_id, ranges, details=signed))

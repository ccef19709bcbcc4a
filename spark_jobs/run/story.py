"""One run of the job, S0 to S7: the story, told once.

`outlook/planning.py` makes the plan of what a batch reads; `steps.py` and its neighbours `steps_*.py` hold each step with its
kill windows.
"""

import logging
import os
from dataclasses import replace

from spark_jobs.access import tls_files
from spark_jobs.access.java_secrets import only_while_it_runs
from spark_jobs.access.properties import KafkaSettings, load_kafka_settings
from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.faults import fault
from spark_jobs.base.lock import hold_lock
from spark_jobs.base.machine import now
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.publisher import Publisher
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.columns import require_free
from spark_jobs.lake.rejected import reasons_of_batch
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.early_warnings import warn_of_group, warn_of_topic
from spark_jobs.outlook.evidence import Evidence, look
from spark_jobs.outlook.executable import require_plannable
from spark_jobs.outlook.obstacles import require_tables_not_behind
from spark_jobs.outlook.output_owner import require_own_output, require_planned_output
from spark_jobs.outlook.planning import make_plan
from spark_jobs.outlook.preflight import require_permissions
from spark_jobs.outlook.rebuilding import find_rebuild, require_declared
from spark_jobs.outlook.rejection_limit import require_few_rejected
from spark_jobs.outlook.shapes_ahead import find_shapes
from spark_jobs.outlook.topics import Topics, find_starts
from spark_jobs.outlook.unfinished import require_usable
from spark_jobs.outlook.witnesses import highest_revision
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.ledger import Done, Planned
from spark_jobs.progress.offsets import OffsetRange, Plan, plan_ranges, total_span
from spark_jobs.progress.run_told import last_line, rejected_warning, resumed_text, sums_text
from spark_jobs.progress.standing import Standing, next_step
from spark_jobs.run import decisions, steps, steps_counts, steps_records, steps_totals
from spark_jobs.run.job import Engine, Job, RunRequest, step

log = logging.getLogger("dayfold")


def run_pipeline(pipeline: Pipeline, request: RunRequest, engine: Engine) -> list[Done]:
    """One run, S0 to S7: the DONE rows of the batches it finished, none if there was nothing new."""
    if request.rebuild:
        require_declared(pipeline, request.rebuild)
    kafka = load_kafka_settings(pipeline.kafka, os.environ)
    fault("before:lock")
    lock = hold_lock(pipeline.lock, pipeline=pipeline.name, run_id=request.run_id)
    with lock, only_while_it_runs(pipeline, os.environ), connect(kafka) as broker:
        require_permissions(broker, kafka, pipeline)
        tls_files.warn_of_expiry(kafka, now())
        publisher = fenced(pipeline, kafka)
        lake = Lake.of(pipeline)
        health.require_readable(lake)
        checkpoints = CheckpointLog(lake)
        job = Job(pipeline, request, kafka, broker, lake, checkpoints, engine, checkpoints.unfinished_plan)
        fault("after:checkpoints_read")
        found = look(broker, pipeline, checkpoints.progress, fenced=True)
        require_nothing_wrong(job, found)
        if request.abandon:
            decisions.abandon(job)
        elif job.resumed and found.standing:
            resume(job, job.resumed, found.standing)
        topics = found.topics
        done: list[Done] = []
        plan = job.checkpoints.progress.unfinished or next_plan(job, topics)
        while plan:
            done.append(finish_batch(job, plan, topics, publisher))
            plan = next_plan(job, topics)
            publisher = fenced(pipeline, kafka) if plan else publisher
        tell_of(done, job.resumed)
        return done


def tell_of(done: list[Done], resumed: Planned | None) -> None:
    """The last lines of a run; below the limit of rejected messages it is green, so they must be heard of here."""
    log.info("%s", last_line(done, resumed))
    if warning := rejected_warning(done):
        log.warning("%s", warning)


def fenced(pipeline: Pipeline, kafka: KafkaSettings) -> Publisher:
    """S0: a new producer; every older run of the pipeline, on any machine, can publish no more."""
    publisher = Publisher.open(kafka, pipeline.name)
    fault("before:fence")
    publisher.fence()
    fault("after:fence")
    return publisher


def require_nothing_wrong(job: Job, found: Evidence) -> None:
    """S1: raise what stands in the way of any run, and warn of what does not."""
    require_own_output(job.broker, job.pipeline.name, found.topics.output)
    require_no_newer_run(job, found)
    health.require_whole(job.lake, job.checkpoints)
    warn_of_topic(job.broker, job.pipeline, found, now())
    warn_of_group(found)


def resume(job: Job, planned: Planned, standing: Standing) -> None:
    """Say which batch is gone on with, and where; raise if that is impossible."""
    require_usable(job.of(planned.plan).lake, planned.plan, standing)
    for name in job.of(planned.plan).lake.names:
        job.lake.keep(name)
    log.info("resume   %s; this run %s", resumed_text(planned), next_step(standing).value)


def require_no_newer_run(job: Job, found: Evidence) -> None:
    """S1: raise if the group proves, or the output shows, a batch that this run does not know:
    `Superseded` if the checkpoints know it by now.
    """
    try:
        require_tables_not_behind(job.pipeline, found)
    except DecisionNeeded:
        job.checkpoints.require_newest()
        raise


def next_plan(job: Job, topics: Topics) -> Plan | None:
    """S1 and S2: the next batch, stored; None if the run's ends are reached and nothing was written."""
    decisions.settle_topic(job, topics.input)
    decisions.settle_definition(job, topics.output)
    if job.request.rebuild:
        return next_rebuild(job, topics, job.request.rebuild)
    progress = job.checkpoints.progress
    starts = find_starts(job.broker, job.pipeline, progress, topics.input)
    ranges = plan_ranges(starts, topics.ends, job.pipeline.limits.max_records_per_batch)
    fault("after:ends_resolved")
    if total_span(ranges) == 0:
        decisions.remember_start(job, topics.input, starts)
        return None
    plan = make_plan(job.pipeline, progress, topics, ranges, now())
    require_plannable(plan.rules)
    require_free(job.lake)
    if not progress.table_ids:
        plan = replace(plan, revisions_after=highest_revision(job.broker, topics.output))
    return steps.commit_plan(job, replace(plan, shapes=find_shapes(job.broker, topics.input.name, plan)))


def next_rebuild(job: Job, topics: Topics, aggregate: str) -> Plan | None:
    """S2: a batch without offsets that adds what an aggregate lacks of the batches before it was declared."""
    progress = job.checkpoints.progress
    found = find_rebuild(job.lake, job.checkpoints.rows, aggregate)
    if found is None:
        log.info("plan     %s counts every batch that is stored", aggregate)
        return None
    ranges = tuple(OffsetRange(number, end, end) for number, end in sorted(progress.ends.items()))
    plan = replace(make_plan(job.pipeline, progress, topics, ranges, now()), rebuild=found, epochs=progress.epochs)
    require_plannable(plan.rules)
    require_free(job.lake)
    return steps.commit_plan(job, plan)


def finish_batch(job: Job, plan: Plan, topics: Topics, publisher: Publisher) -> Done:
    """S3 to S7 of a planned batch, new or resumed; each step finds out by itself whether it was done before."""
    require_planned_output(job.broker, plan, topics.output.name)
    job = job.of(plan)
    steps.prepare_tables(job, plan)
    take = steps_records.save_records if plan.keeps_records else steps_counts.count_records
    with step(job, plan, "records"):
        tally, add_up = take(job, plan, topics.input)
        allowed = job.pipeline.limits.max_rejected_fraction
        require_few_rejected(job.lake, plan, allowed, read=tally.read, rejected=tally.rejected)
        if tally.rejected:
            tally = replace(tally, reasons=reasons_of_batch(job.lake, plan.batch))
    with step(job, plan, "contributions"):
        contributions = steps_totals.save_contributions(job, plan, tally.accepted, add_up)
    with step(job, plan, "averages"):
        totals = steps_totals.save_totals(job, plan, contributions)
    with step(job, plan, "publish"):
        published = steps.publish(job, plan, publisher, totals)
    done = steps.done_row(job, plan, tally, published, steps_totals.touched_groups(plan, totals))
    steps.finish(job, done)
    log.info("done     batch %d: %s", plan.batch, sums_text([done]))
    return done

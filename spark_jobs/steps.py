"""S2, S6 and S7: the batch is planned, published and done. Each says what a kill leaves behind and why the rerun makes that harmless.

S3 is in `steps_records.py`, or `steps_counts.py` where records are not kept; S4 and S5 are in `steps_averages.py`.
"""

import logging
from dataclasses import replace

import pyarrow as pa

from spark_jobs.checkpoints import Checkpoint, Tally, planned
from spark_jobs.faults import fault
from spark_jobs.job import Job, now
from spark_jobs.offsets import Plan
from spark_jobs.publication import Publisher, Question, group_offsets, is_published, output_record

log = logging.getLogger(__name__)


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


def publish(job: Job, plan: Plan, publisher: Publisher, rows: pa.Table) -> int:
    """S6: publish the changed daily averages and the group's offsets in one transaction, unless that is proven done already.

    Killed before the coordinator has the commit: invisible, and published again. After it: proven, and not repeated.
    """
    # By the plan's own words, whatever the settings have become since; old plans do not name their topics.
    input_topic, output_topic = plan.input_topic or job.pipeline.input.topic, plan.output_topic or job.pipeline.output.topic
    question = Question(job.pipeline.name, input_topic, output_topic, job.request.published)
    if is_published(job.broker, plan, question):
        log.info("publish  batch %d was published already", plan.batch)
        return len(rows)
    ordered = rows.sort_by([("partition", "ascending"), ("date", "ascending")]).to_pylist()
    records = (output_record(row, pipeline=job.pipeline.name, value_field=plan.rules.value_field) for row in ordered)
    offsets = group_offsets(input_topic, plan.batch, plan.ranges)
    return publisher.publish(output_topic, records, offsets)


def finish(job: Job, plan: Plan, tally: Tally, published: int) -> Checkpoint:
    """S7: the row that makes the planned ends the next batch's starts.

    Killed before the append: published and proven, only this step is repeated.
    """
    details = {
        "published": published,
        "rounded": tally.rounded,
        "gaps": dict(tally.gaps),
        "records": plan.keeps_records,
        "seconds": dict(job.seconds),
    }
    done = Checkpoint(plan.batch, "DONE", job.request.run_id, now(), plan.topic_id, plan.ranges, tally.counts, details)
    fault("before:done_commit")
    job.checkpoints.append(done)
    fault("after:done_commit")
    return done


def summary(done: Checkpoint) -> str:
    """What a finished batch amounts to, for the log."""
    read, rejected = sum(one.read for one in done.counts), sum(one.rejected for one in done.counts)
    return (
        f"{read} records read, {rejected} rejected, {sum(one.gaps for one in done.counts)} gaps, "
        f"{done.details['rounded']} rounded, {done.details['published']} averages published"
    )

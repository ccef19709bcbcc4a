"""What a run logs before it works: what no run can help but an operator can."""

import logging
from datetime import datetime

from spark_jobs.broker.cluster import Broker
from spark_jobs.outlook import watch
from spark_jobs.outlook.evidence import Evidence
from spark_jobs.outlook.topics import find_starts
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.drift import judge_group
from spark_jobs.progress.redefinition import start_note

log = logging.getLogger(__name__)


def warn_of_topic(broker: Broker, pipeline: Pipeline, found: Evidence, now: datetime) -> None:
    """Log what no run can help but an operator can: a setting without effect, a transaction that hangs,
    records that expire soon.
    """
    topic = found.topics.input
    if note := start_note(pipeline, found.progress):
        log.warning("%s", note)
    for held in watch.held_back(broker, topic):
        log.warning("%s", held.sentence(topic.name, now))
    starts = find_starts(broker, pipeline, found.reading, topic)
    retention = watch.read_retention(broker, topic.name)
    for expiry in watch.find_expiries(broker, topic, starts, retention, now).values():
        if expiry.is_under(pipeline.limits.warn_retention_hours):
            log.warning("%s", expiry.sentence(topic.name))


def warn_of_group(found: Evidence) -> None:
    """Log a sentence for each partition of which the group was moved: runs go by the checkpoints, others may go by the group."""
    reading, topic = found.reading.ends, found.topics.input
    for one in topic.partitions:
        verdict = judge_group(found.progress, topic, one, found.group.get(one.number), reading)
        if verdict.wrong == "group":
            log.warning("partition %d: %s", one.number, verdict.sentence)

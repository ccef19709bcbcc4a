"""A warning where the pipeline's consumer group was moved: runs go by the checkpoints, others may go by the group."""

import logging

from spark_jobs.outlook.evidence import Evidence
from spark_jobs.progress.drift import judge_group

log = logging.getLogger(__name__)


def warn_of_group(found: Evidence) -> None:
    """Log a sentence for each partition of which the group is wrong; the run goes on from the checkpoint all the same."""
    reading, topic = found.reading.ends, found.topics.input
    for one in topic.partitions:
        verdict = judge_group(found.progress, topic, one, found.group.get(one.number), reading)
        if verdict.wrong == "group":
            log.warning("partition %d: %s", one.number, verdict.sentence)

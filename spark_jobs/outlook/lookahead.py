"""What the command line and the DAG ask before a run: what it would do, and what an operator should hear first.

Opens the broker and the checkpoints for one question each and closes them again; the answers come from `planning.py`.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from spark_jobs.access import tls_files
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base import machine
from spark_jobs.base.errors import DayfoldError
from spark_jobs.broker.cluster import connect, connect_by
from spark_jobs.lake import health
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.columns import require_free
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook.early_warnings import warn_of_group, warn_of_topic
from spark_jobs.outlook.evidence import look, read_group
from spark_jobs.outlook.executable import require_plannable
from spark_jobs.outlook.planning import Preview, preview_run
from spark_jobs.outlook.preflight import require_permissions
from spark_jobs.outlook.topics import find_starts
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.beginnings import beginning_notes
from spark_jobs.progress.drift import GroupOffset
from spark_jobs.progress.offsets import lag_of

log = logging.getLogger("dayfold")


def look_ahead(pipeline: Pipeline, environment: Mapping[str, str]) -> Preview:
    """What the next run would do, asked of the broker and the checkpoints;
    raises what would stop it for its tables' or permissions' sake.
    """
    lake = Lake.of(pipeline)
    health.require_readable(lake)
    checkpoints = CheckpointLog(lake)
    health.require_whole(lake, checkpoints)
    kafka = load_kafka_settings(pipeline.kafka, environment)
    with connect(kafka) as broker:
        notes = require_permissions(broker, kafka, pipeline)
        found = preview_run(broker, pipeline, checkpoints.progress)
    unfinished = checkpoints.progress.unfinished
    if found.count > (unfinished.span if unfinished else 0):
        require_plannable(pipeline.rules(machine.now()))
        if unfinished is None:
            require_free(lake)
    begun = beginning_notes(checkpoints.rows, pipeline.aggregates) if pipeline.aggregates else ()
    return replace(found, notes=(*notes, *begun))


def kafka_servers(pipeline: Pipeline, environment: Mapping[str, str]) -> str:
    """The brokers of the pipeline, as its properties file names them."""
    return load_kafka_settings(pipeline.kafka, environment).servers


def expiring_certificates(pipeline: Pipeline, environment: Mapping[str, str], now: datetime) -> list[str]:
    """A sentence for each certificate of the pipeline that expires soon, or has expired."""
    return list(tls_files.expiring(load_kafka_settings(pipeline.kafka, environment), now))


def find_lag(pipeline: Pipeline, environment: Mapping[str, str]) -> int:
    """How many offsets a run would read now, asked of the broker and the checkpoints."""
    progress = CheckpointLog(Lake.of(pipeline)).progress
    with connect_by(pipeline.kafka, environment) as broker:
        topic = broker.topic(pipeline.input.topic)
        starts = find_starts(broker, pipeline, progress, topic)
    return sum(lag_of(one, starts) for one in topic.partitions)


def find_group_offsets(
    pipeline: Pipeline, environment: Mapping[str, str], partitions: Sequence[int]
) -> Mapping[int, GroupOffset]:
    """Where the consumer group stands, for the partitions that it has an offset of."""
    with connect_by(pipeline.kafka, environment) as broker:
        return read_group(broker, pipeline, partitions)


def warn_early(pipeline: Pipeline, environment: Mapping[str, str]) -> None:
    """Log what an operator should hear before anything goes wrong; that it cannot be found out is such a warning, too."""
    try:
        progress = CheckpointLog(Lake.of(pipeline)).progress
        kafka = load_kafka_settings(pipeline.kafka, environment)
        with connect(kafka) as broker:
            tls_files.warn_of_expiry(kafka, machine.now())
            found = look(broker, pipeline, progress)
            warn_of_topic(broker, pipeline, found, machine.now())
            warn_of_group(found)
    except DayfoldError as error:
        log.warning("whether unread records expire soon, or the consumer group was moved, is not known: %s", error)

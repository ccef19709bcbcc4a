"""Removing what belongs to a pipeline: `dayfold forget CONFIG --yes`.

It holds the pipeline's lock and fences, so no run is at work here and none elsewhere can publish any more. Then the tables go,
`checkpoints` last, then the group, then what lies in the state folder, the lock last. Each state that a kill leaves behind is one
that a run stops at:

- some tables gone, the checkpoints there: they know which tables there were, so one is missing;
- all tables gone, the group there: it proves a batch that no checkpoint knows.

A table goes by one rename and is deleted under its new name, so none is ever half there. Run again, `forget` removes what is
left. The output topic stays, for its readers; a new life of the pipeline on it goes on with revisions above those that are there.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.faults import fault
from spark_jobs.base.location import is_uri
from spark_jobs.base.lock import hold_lock
from spark_jobs.broker.cluster import Broker, connect, connect_by
from spark_jobs.broker.publisher import Publisher
from spark_jobs.lake.durability import sync
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.removal.belongings import GOING, Belongings, files_of, find_belongings, folder_of, going_tables


def look(pipeline: Pipeline, config: Path, environment: Mapping[str, str]) -> Belongings:
    """What there is; nothing is changed."""
    with connect_by(pipeline.kafka, environment) as broker:
        return find_belongings(broker, pipeline, config, environment)


def forget(pipeline: Pipeline, config: Path, environment: Mapping[str, str]) -> Belongings:
    """Remove it; what was there. `PipelineBusy` while a run is at work,
    `ConfigurationError` if something could not be removed.
    """
    kafka = load_kafka_settings(pipeline.kafka, environment)
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id="forget"), connect(kafka) as broker:
        found = find_belongings(broker, pipeline, config, environment)
        lake = Lake.of(pipeline)
        _require_removable(found, lake)
        Publisher.open(kafka, pipeline.name).fence()
        fault("after:forget_fence")
        for name in going_tables(lake):
            _remove_table(lake, name)
        _remove_if_empty(lake)
        _remove_group(broker, found)
        fault("after:forget_group")
        for file in files_of(pipeline, environment):
            file.unlink(missing_ok=True)
        return found


def _require_removable(found: Belongings, lake: Lake) -> None:
    """Raise before anything is removed if something cannot be."""
    for one in found.things:
        if one.kind == "table":
            folder_of(lake, Path(one.name).name)
    if found.group and found.group.is_in_use:
        raise ConfigurationError(
            f"somebody consumes as the group {found.group.name} ({found.group.state}), which no run does; stop that, then "
            "run again"
        )


def _remove_table(lake: Lake, name: str) -> None:
    if is_uri(lake.root):
        return
    folder = folder_of(lake, name)
    going = folder.with_name(folder.name + GOING)
    _delete(going)
    if folder.is_dir():
        folder.rename(going)
        # A table that a power cut brings back after the group has gone would be taken for whole.
        sync(folder.parent)
        fault(f"after:forget_move_{name}")
        _delete(going)
    fault(f"after:forget_{name}")


def _delete(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _remove_if_empty(lake: Lake) -> None:
    """The pipeline's folder, unless somebody has put something beside the tables."""
    if not is_uri(lake.root):
        with suppress(OSError):
            Path(lake.location("")).rmdir()


def _remove_group(broker: Broker, found: Belongings) -> None:
    if not found.group:
        return
    try:
        broker.delete_group(found.group.name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"the tables are removed, but the group {found.group.name} could not be: {error}. Until it is gone runs stop "
            "there: run this again when that is settled, or let somebody delete it (kafka-consumer-groups.sh --delete "
            f"--group {found.group.name})"
        ) from error

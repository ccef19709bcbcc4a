"""Everything that belongs to a pipeline: what is its own alone, what readers or others may still need, and how each goes away.

Looks, and changes nothing. Tables and files are found by their names, so what somebody else has put beside them is none of ours.
Tables may be damaged: whoever wants to be rid of them must be able to. Needs no Spark.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.fs as pa_fs
from deltalake.exceptions import TableNotFoundError

from spark_jobs.access.java_secrets import secrets_files
from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.base.location import is_uri
from spark_jobs.base.lock import lock_owner
from spark_jobs.base.wording import counted
from spark_jobs.broker.client_errors import denied
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.grants import GROUP, Grant, missing
from spark_jobs.broker.group_kind import ConsumerGroup
from spark_jobs.lake.rows import count_rows
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.storage import files_below
from spark_jobs.lake.stored import planned_tables
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.files import fresh_name, maintenance_name
from spark_jobs.pipeline.settings import Pipeline

BelongingKind = Literal["table", "leftover", "file", "group", "transactional id", "output topic", "dag"]

GOING = ".forgotten"
"""What is added to the name of a table's folder that is about to be deleted: from then on it is no table."""


@dataclass(frozen=True)
class Belonging:
    """One thing. `rows` and `bytes` are None where there is no such number,
    `by_hand` is how to remove what `forget` leaves alone.
    """

    kind: BelongingKind
    name: str
    holds: str = ""
    rows: int | None = None
    bytes: int | None = None
    by_hand: str | None = None


@dataclass(frozen=True)
class Belongings:
    """Of one pipeline; `group` is None if there is none that runs have made."""

    pipeline: str
    things: tuple[Belonging, ...]
    group: ConsumerGroup | None

    @property
    def removable(self) -> tuple[Belonging, ...]:
        return tuple(one for one in self.things if one.by_hand is None)


def find_belongings(broker: Broker, pipeline: Pipeline, config: Path, environment: Mapping[str, str]) -> Belongings:
    """What is there now. `ConfigurationError` if the group may not be looked at, which else would seem to be gone."""
    name, rights = pipeline.name, broker.group_rights(pipeline.name, pipeline.input.topic)
    if lacking := tuple(missing([Grant(GROUP, name, ("Describe",))], {(GROUP, name): rights})):
        raise denied(lacking, broker.settings)
    group = broker.find_group(pipeline.name)
    ours = group if group and group.is_of_consumers else None
    things = (
        *_tables(Lake.of(pipeline)),
        *(Belonging("file", str(one), _owner(pipeline, one)) for one in files_of(pipeline, environment)),
        *([Belonging("group", pipeline.name, ours.state)] if ours else []),
        *_left_alone(broker, pipeline, config),
    )
    return Belongings(pipeline.name, things, ours)


def files_of(pipeline: Pipeline, environment: Mapping[str, str]) -> list[Path]:
    """Credentials that a killed run left, and the lock, which goes last."""
    return [one for one in (*secrets_files(pipeline, environment), pipeline.lock) if one.is_file()]


def _owner(pipeline: Pipeline, file: Path) -> str:
    owner = lock_owner(file) if file == pipeline.lock else None
    return f"held by {owner}" if owner and f"run forget (process {os.getpid()} on" not in owner else ""


def folder_of(lake: Lake, name: str) -> Path:
    """The folder of a table on this machine; `ConfigurationError` if it is elsewhere, or only a link is here."""
    location = lake.location(name)
    if is_uri(location):
        raise ConfigurationError(
            f"{location} is no folder of this machine; delete it with the store's own tool, the table {CHECKPOINTS} as the "
            "last one, and run `dayfold forget` again: it removes the rest"
        )
    folder = Path(location)
    if folder.is_symlink():
        raise ConfigurationError(
            f"{folder} is a link to {folder.readlink()}; delete what it leads to and the link, then run again"
        )
    return folder


def going_tables(lake: Lake) -> tuple[str, ...]:
    """In the order in which they go, those of aggregates that were taken out among them: as long as the checkpoints are there, a
    run misses the others and says so.
    """
    return *planned_tables(lake), CHECKPOINTS


def _tables(lake: Lake) -> Iterator[Belonging]:
    for name in going_tables(lake):
        location = lake.location(name)
        if (size := _bytes_in(location)) is not None:
            rows, trouble = _rows_of(lake, name)
            yield Belonging("table", location, trouble, rows, size)
        if (size := _bytes_in(location + GOING)) is not None:
            yield Belonging("leftover", location + GOING, "half deleted", bytes=size)


def _bytes_in(location: str) -> int | None:
    """What lies in a table's folder, litter and log with it; None if there is no such folder."""
    if not is_uri(location):
        folder = Path(location)
        return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else None
    try:
        storage = files_below(location)
        found = storage.get_file_info(pa_fs.FileSelector("", recursive=True, allow_not_found=True))
    except TableNotFoundError:
        return None
    return sum(one.size or 0 for one in found) if found else None


def _rows_of(lake: Lake, name: str) -> tuple[int | None, str]:
    try:
        return count_rows(lake.open(name)), ""
    except DecisionNeeded as error:
        return None, str(error)


def _left_alone(broker: Broker, pipeline: Pipeline, config: Path) -> Iterator[Belonging]:
    forgets = "Kafka forgets it when it has not been used for transactional.id.expiration.ms, by default 7 days"
    yield Belonging("transactional id", pipeline.name, by_hand=forgets)
    # Without the topic, or a permission on it, there is nothing to report of it.
    with suppress(ConfigurationError):
        topic = pipeline.output_name
        found = broker.topic(topic)
        offsets = sum(one.high - one.low for one in found.partitions)
        holds = f"{counted(len(found.partitions), 'partition')}, {counted(offsets, 'offset')}"
        yield Belonging("output topic", topic, holds, by_hand=f"readers may need it; kafka-topics.sh --delete --topic {topic}")
    for dag in (pipeline.name, maintenance_name(pipeline.name), fresh_name(pipeline.name)):
        yield Belonging("dag", dag, by_hand=f"move {config} out of the folder of pipeline files, then airflow dags delete {dag}")

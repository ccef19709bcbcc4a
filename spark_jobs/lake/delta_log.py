"""The files of a Delta table's log as they lie on the disk, for looking at them before any library does.

Readers take an empty commit for a commit of nothing, and give up on a torn one with a stack trace. What follows for the operator
is known in `health.py`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from deltalake.exceptions import TableNotFoundError

from spark_jobs.lake.storage import files_below

LOG_FOLDER = "_delta_log"
_COMMIT = re.compile(rf"{LOG_FOLDER}/(\d{{20}})\.json")
_CHECKPOINT = re.compile(rf"{LOG_FOLDER}/(\d{{20}})\.checkpoint(?:\.\d{{10}}\.\d{{10}})?\.parquet")

Action = dict[str, Any]


@dataclass(frozen=True)
class LogFile:
    """A commit, or a part of a checkpoint of the log."""

    version: int
    path: str
    size: int


@dataclass(frozen=True)
class TableLog:
    """The log of the table at `location`, a folder or a URI."""

    location: str

    @cached_property
    def _storage(self) -> Any:
        return files_below(self.location)

    @cached_property
    def _found(self) -> list[pa_fs.FileInfo]:
        try:
            found: list[pa_fs.FileInfo] = self._storage.get_file_info(pa_fs.FileSelector(LOG_FOLDER, allow_not_found=True))
        except TableNotFoundError:
            return []
        return found

    def _files(self, pattern: re.Pattern[str]) -> list[LogFile]:
        named = [(pattern.fullmatch(one.path), one) for one in self._found]
        return sorted(
            (LogFile(int(match[1]), one.path, one.size or 0) for match, one in named if match), key=lambda file: file.version
        )

    @cached_property
    def commits(self) -> list[LogFile]:
        """Oldest first; the log may begin later than at 0."""
        return self._files(_COMMIT)

    @cached_property
    def newest_checkpoint(self) -> list[LogFile]:
        """The parts of the newest checkpoint, none if there is none."""
        parts = self._files(_CHECKPOINT)
        return [part for part in parts if part.version == parts[-1].version]

    def is_readable_without(self, checkpoint: int) -> bool:
        """Whether the commits alone, or an older checkpoint and the commits after it, say all that this checkpoint says."""
        older = [part.version for part in self._files(_CHECKPOINT) if part.version < checkpoint]
        begin = max(older) + 1 if older else 0
        return set(range(begin, checkpoint + 1)) <= {commit.version for commit in self.commits}

    def actions(self, commit: LogFile) -> list[Action]:
        """What a commit says; `ValueError` if it is torn."""
        with self._storage.open_input_stream(commit.path) as stream:
            return [json.loads(line) for line in stream.read().decode().splitlines()]

    def trouble_of_part(self, part: LogFile) -> str | None:
        """Why a checkpoint's file is no Parquet file, or None if its footer can be read."""
        try:
            pq.read_metadata(part.path, filesystem=self._storage)
        except (OSError, pa.ArrowException) as error:
            return str(error).partition("\n")[0]
        return None

    def newest_first(self, count: int) -> Iterator[tuple[LogFile, list[Action]]]:
        """The newest commits with what they say."""
        for commit in reversed(self.commits[-count:]):
            yield commit, self.actions(commit)

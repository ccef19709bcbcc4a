"""Whether what was committed survives a power cut, on local file systems.

Neither Spark nor delta-rs asks the disk to keep what it wrote: after a power cut, the newest commit may be an empty file while a
Kafka transaction that was built on it stands. So each commit of the job is synced, with its files and folders, before the next
step begins. Object stores keep what they have answered for, and other network file systems are mounted as they are.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

from spark_jobs.base import machine
from spark_jobs.base.location import local_folder

_COMMIT = re.compile(r"(\d+)\.json")
LAKE_DEPTH = 2
"""Folders above a table that the first batch may have made: the pipeline's and the lake's."""


def sync_commits(uri: str, since: int) -> None:
    """Have the disk hold every commit of a table that is newer than `since`, and what it names.

    Killed in between: the same as killed before; the commit may or may not survive a power cut, as if nobody had synced it.
    """
    folder = local_folder(uri)
    if folder is None:
        return
    files = list(_committed_files(folder, since))
    for path in [*files, *sorted(_folders_of(files, folder), reverse=True), *folder.parents[:LAKE_DEPTH]]:
        sync(path)


def _folders_of(files: Iterable[Path], top: Path) -> set[Path]:
    """Every folder with one of the files in it or below it, up to the top one."""
    found: set[Path] = set()
    for nearest in {file.parent for file in files}:
        below = takewhile(lambda one: one != top, (nearest, *nearest.parents))
        found |= {*below, top}
    return found


def _committed_files(folder: Path, since: int) -> Iterator[Path]:
    """The files of the log since then, the first one with the table's creation, and those that they add."""
    log = folder / "_delta_log"
    there = {path.name: path for path in log.iterdir()}
    # The commit that created a table is only worth something together with the first one after it.
    first = since + 1 if since else 0
    for name in sorted(name for name in there if (match := _COMMIT.fullmatch(name)) and int(match[1]) >= first):
        actions = [json.loads(line) for line in there[name].read_text().splitlines()]
        yield from (folder / unquote(action["add"]["path"]) for action in actions if "add" in action)
        checkpoint = f"{name.removesuffix('.json')}.checkpoint.parquet"
        yield from (there[one] for one in (checkpoint, "_last_checkpoint") if one in there)
        yield there[name]


def sync(path: Path) -> None:
    """Have the disk hold a file, or the names in a folder."""
    try:
        machine.keep(path)
    except FileNotFoundError:
        # Somebody's compaction and VACUUM were faster; what is gone need not be kept.
        return

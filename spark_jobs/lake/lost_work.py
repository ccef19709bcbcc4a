"""Newest commits whose files the disk does not have: what a power cut leaves of work that nobody had made it keep.

delta-rs writes files, then the commit that names them, and has the disk keep neither; the job sees to that right afterwards. In
between a power cut may take the files and leave the commit. Nothing counts on such a commit yet, so it can be taken away, and its
work be done again. Object stores keep what they have answered for.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.location import is_uri
from spark_jobs.base.wording import counted
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.delta_log import LOG_FOLDER, Action, LogFile, TableLog
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.tables import MAINTAINED, Lake

NEWEST_COMMITS = 5
"""Commits that are looked into at every start; a power cut takes files of fewer: each makes the disk keep those before it."""

_ROWS = frozenset({"add", "remove", "txn", "metaData", "protocol"})
"""Actions of a commit on which others may have been built; a VACUUM has none of them."""


def lost_work(lake: Lake, name: str, log: TableLog) -> TableDamaged | None:
    """The newest commits of the pipeline's own that name files which are gone or not whole, if nothing was built on them yet."""
    folder = None if is_uri(log.location) else Path(log.location)
    newest = list(_newest_damaged(folder, log)) if folder else []
    if folder is None or not newest:
        return None
    (first, told), commits = newest[-1][0], [actions for _, actions in newest]
    if not (_is_undone(lake, name, commits) and _is_whole_without(folder, commits) and log.is_readable_without(first.version)):
        return None
    return TableDamaged(
        name,
        f"its file {told} (a power cut does that), and the newest commit {first.path} names it",
        "Bring the file back from a copy; or, as nothing was built on that commit, move every file of version "
        f"{first.version} and later, and _last_checkpoint, out of {log.location}/{LOG_FOLDER} and run again: the run does the "
        "commit's work again, or says what is missing.",
    )


def _newest_damaged(folder: Path, log: TableLog) -> Iterator[tuple[tuple[LogFile, str], list[Action]]]:
    """Commits that name a file which is not whole, newest first, up to the first one that is whole."""
    passed: list[Action] = []
    for commit, actions in log.newest_first(NEWEST_COMMITS):
        trouble = next(_not_whole(folder, _files(actions, "add")), None)
        if trouble:
            yield (commit, trouble), [*passed, *actions]
            passed = []
        elif any(_ROWS & action.keys() for action in actions):
            return
        else:
            passed += actions


def _files(actions: Iterable[Action], kind: str) -> dict[str, int | None]:
    """Paths of the files that are added or removed, with their bytes as far as they are told."""
    return {unquote(one[kind]["path"]): one[kind].get("size") for one in actions if kind in one}


def _not_whole(folder: Path, files: dict[str, int | None]) -> Iterator[str]:
    for path, size in files.items():
        try:
            found = (folder / path).stat().st_size
        except FileNotFoundError:
            yield f"{path} is missing"
        else:
            if size is not None and found != size:
                yield f"{path} has {found:,} of {counted(size, 'byte')}"


def _is_undone(lake: Lake, name: str, commits: Sequence[Sequence[Action]]) -> bool:
    """Whether these commits are the pipeline's own, and none of them is of a batch that is finished."""
    if not all(any(is_own(action, lake, name) for action in actions) for actions in commits):
        return False
    numbers = [number_of(action, lake.app(name)) for actions in commits if not _maintains(lake, actions) for action in actions]
    batches = [one for one in numbers if one]
    return name == CHECKPOINTS or not batches or min(batches) > _last_done(lake, min(batches))


def _last_done(lake: Lake, unknown: int) -> int:
    """The last finished batch; `unknown` if nobody can tell it now."""
    if not lake.exists(CHECKPOINTS):
        return 0
    with suppress(TableDamaged):
        done = CheckpointLog(lake).progress.last_done
        return done.batch if done else 0
    return unknown


def _is_whole_without(folder: Path, commits: Sequence[Sequence[Action]]) -> bool:
    """Whether the files that these commits have removed are still there, so that the version before them can be read."""
    actions = [action for those in commits for action in those]
    before = {path: size for path, size in _files(actions, "remove").items() if path not in _files(actions, "add")}
    return not any(_not_whole(folder, before))


def _maintains(lake: Lake, actions: Iterable[Action]) -> bool:
    return any(one.get("commitInfo", {}).get(MAINTAINED) == lake.pipeline for one in actions)


def is_own(action: Action, lake: Lake, name: str) -> bool:
    """Whether a run or maintenance has made the commit. Maintenance counts: what was there before it may be gone since, so
    nothing can be taken back to before it.
    """
    return action.get("txn", {}).get("appId") == lake.app(name) or _maintains(lake, [action])


def number_of(action: Action, app: str) -> int:
    """The number that an action gives the application, 0 if none."""
    txn = action.get("txn", {})
    return int(str(txn["version"])) if txn.get("appId") == app else 0

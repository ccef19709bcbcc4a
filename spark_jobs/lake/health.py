"""Whether the tables are whole, before anything is planned: their logs, their form, and the last batch's rows.

Looks at the files of the logs themselves, because readers take some damage for an older state and count on from there. Costs
milliseconds per table and scans none, but for a newest batch that was compacted: what happened to older batches is for an audit
to find. Nothing is mended here; each error names the table, what is wrong, and a way back that was tried (`docs/operations.md`).
"""

from collections.abc import Iterator, Mapping

from deltalake import DeltaTable

from spark_jobs.base.errors import ConfigurationError, DayfoldError, DecisionNeeded, TableDamaged, require_none
from spark_jobs.base.location import in_sql
from spark_jobs.base.wording import counted
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.columns import has_columns, types_of, wanted_types
from spark_jobs.lake.delta_log import LOG_FOLDER, LogFile, TableLog
from spark_jobs.lake.last_batch import counts_of
from spark_jobs.lake.lost_work import NEWEST_COMMITS, is_own, lost_work, number_of
from spark_jobs.lake.rows import READER, count_rows, require_files
from spark_jobs.lake.schemas import CHECKPOINTS
from spark_jobs.lake.stored import as_stored
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.beginnings import uncounted_batches
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.ledger import Done
from spark_jobs.progress.standing import Standing

FAR_BACK = 200
"""Commits that are parsed to find a way back, once something is wrong."""

FORBIDDEN: Mapping[str, tuple[str, ...]] = {
    "delta.setTransactionRetentionDuration": (),
    "delta.enableDeletionVectors": ("false",),
    "delta.columnMapping.mode": ("none",),
    "delta.checkpointPolicy": ("classic",),
    "delta.appendOnly": ("false",),
}
"""Properties that make a table forget batches, refuse a MERGE or shut out other readers, with the values that do not."""

WRITER = 2
COPY = "Bring back the newest copy of the table."


def require_readable(lake: Lake) -> None:
    """Raise what is wrong with the logs and the form of all tables; to be called before any table is opened for its rows."""
    require_none(form_problems(lake))


def require_whole(lake: Lake, checkpoints: CheckpointLog) -> None:
    """Raise all ways in which the tables contradict the checkpoints."""
    require_none(row_problems(lake, checkpoints))


def form_problems(lake: Lake) -> Iterator[DayfoldError]:
    """What is wrong with each table's log, protocol, properties or columns, whatever its rows say."""
    for name in lake.names:
        log = TableLog(lake.location(name))
        if lake.exists(name) or log.commits:
            yield from _problems_of_table(lake, name, log)


def _problems_of_table(lake: Lake, name: str, log: TableLog) -> Iterator[DayfoldError]:
    damages = [*_damaged_checkpoints(name, log), *_damaged_commits(name, log)]
    if not damages and (lost := lost_work(lake, name, log)):
        damages = [lost]
    yield from damages
    if damages:
        return
    try:
        table = lake.look(name)
    except TableDamaged as damage:
        yield damage
        return
    yield from _changed_form(lake, name, table, log)
    yield from _forbidden_properties(lake, name, table)


def _damaged_commits(name: str, log: TableLog) -> Iterator[TableDamaged]:
    """Commits since the newest checkpoint that say nothing, and the newest ones that are torn."""
    since = log.newest_checkpoint[0].version if log.newest_checkpoint else -1
    living = [commit for commit in log.commits if commit.version > since]
    for commit in living:
        trouble = "is empty" if not commit.size else None
        if trouble is None and commit in living[-NEWEST_COMMITS:]:
            trouble = _torn(log, commit)
        if trouble:
            later = any(other.size for other in living if other.version > commit.version)
            yield TableDamaged(
                name,
                f"the commit {commit.path} {trouble} (a power cut does that), so what it said is lost",
                "Later commits were built on it. " + COPY
                if later
                else f"Move this file out of {log.location}/{LOG_FOLDER} and run again: the run does the commit's work "
                "again, or says what is missing.",
            )


def _torn(log: TableLog, commit: LogFile) -> str | None:
    try:
        log.actions(commit)
    except ValueError as error:
        return f"is torn ({error})"
    return None


def _damaged_checkpoints(name: str, log: TableLog) -> Iterator[TableDamaged]:
    for part in log.newest_checkpoint:
        trouble = log.trouble_of_part(part)
        if trouble:
            yield TableDamaged(
                name,
                f"the checkpoint {part.path} of its log cannot be read ({trouble})",
                f"The commits say the same: move it and _last_checkpoint out of {log.location}/{LOG_FOLDER} and run again."
                if log.is_readable_without(part.version)
                else COPY,
            )


def _changed_form(lake: Lake, name: str, table: DeltaTable, log: TableLog) -> Iterator[TableDamaged]:
    """A protocol that other readers do not know, or columns that are not ours: somebody's ALTER TABLE."""
    protocol = table.protocol()
    features = ", ".join(sorted({*(protocol.reader_features or []), *(protocol.writer_features or [])}))
    columns, wanted = types_of(table.schema()), wanted_types(lake, name)
    if protocol.min_reader_version > READER or protocol.min_writer_version > WRITER:
        versions = f"reader version {protocol.min_reader_version}, writer version {protocol.min_writer_version}"
        told = f"it needs {versions} ({features or 'no features'}), and this pipeline keeps to {READER} and {WRITER}"
    elif not (has_columns(lake, name, columns) or has_columns(as_stored(lake), name, columns) or _is_our_change(lake, name, log)):
        different = sorted(column for column in columns.keys() | wanted.keys() if columns.get(column) != wanted.get(column))
        told = f"its columns are not the pipeline's: {', '.join(different)}"
    else:
        return
    yield TableDamaged(name, f"{told}; somebody altered it", _undo(lake, name, log))


def _is_our_change(lake: Lake, name: str, log: TableLog) -> bool:
    """Whether the columns are those that a run gave the table last, be it for a plan that nobody has heard of since."""
    for commit, actions in log.newest_first(FAR_BACK):
        if any("metaData" in action for action in actions):
            return commit.version == 0 or any(is_own(action, lake, name) for action in actions)
    return False


def _undo(lake: Lake, name: str, log: TableLog) -> str:
    """How to take back what others committed since the pipeline's last commit, where nothing was built on it."""
    last = _last_own_commit(lake, name, log)
    if last is None or not log.is_readable_without(last + 1):
        return COPY
    return (
        f"Nothing of the pipeline was written since version {last}: move every file of a later version, and "
        f"_last_checkpoint, out of {log.location}/{LOG_FOLDER}, and run again."
    )


def _last_own_commit(lake: Lake, name: str, log: TableLog) -> int | None:
    """The newest version that a run or maintenance wrote, or the table's creation; None if that is too long ago to be told."""
    for commit, actions in log.newest_first(FAR_BACK):
        if commit.version == 0 or any(is_own(action, lake, name) for action in actions):
            return commit.version
    return None


def _forbidden_properties(lake: Lake, name: str, table: DeltaTable) -> Iterator[ConfigurationError]:
    for key, value in sorted(table.metadata().configuration.items()):
        if key in FORBIDDEN and value not in FORBIDDEN[key]:
            yield ConfigurationError(
                f"table {name}: its property {key} is {value}, with which this pipeline cannot count on it. Take it off in "
                f"Spark: ALTER TABLE {in_sql(lake.location(name))} UNSET TBLPROPERTIES ('{key}')"
            )


def row_problems(lake: Lake, checkpoints: CheckpointLog) -> Iterator[DecisionNeeded]:
    """Where tables and checkpoints contradict each other: a table gone, created again, restored, or ahead of its plan.

    Older checkpoints are the only problem: what the other tables hold is newer then.
    """
    restored = list(_restored_checkpoints(lake, checkpoints))
    yield from restored
    if restored:
        return
    progress = checkpoints.progress
    yield from _left_out(lake, checkpoints)
    lake = lake.defined_by(progress.definition)
    for name in lake.filled:
        if name not in progress.table_ids and not lake.exists(name):
            continue
        table = lake.look(name)
        found = list(_contradictions(lake, name, table, progress))
        if found:
            # Of a run that was overtaken meanwhile: the tables are ahead of what it read, not damaged.
            checkpoints.require_newest()
        yield from found
        if not found and progress.last_done:
            yield from _missing_rows(lake, name, table, progress.last_done)


def _left_out(lake: Lake, checkpoints: CheckpointLog) -> Iterator[DecisionNeeded]:
    """An aggregate that is declared again: batches that were finished meanwhile are not in it."""
    planned = checkpoints.progress.table_ids
    for one in lake.layout.aggregates:
        if planned and one.name not in planned and lake.exists(one.contributions_table):
            table = lake.look(one.contributions_table)
            # One that only an abandoned batch has closed counts nothing yet.
            last = lake.known_batch(table) if count_rows(table) else 0
            since = [batch for batch in uncounted_batches(checkpoints.rows, one.name) if batch.planned.batch > last]
            if last and since:
                yield DecisionNeeded(
                    f"the aggregate {one.name} was left out of the pipeline file after batch {last}, so its tables lack what "
                    f"{counted(len(since), 'batch')} have read since. Give it another name: it begins with the next batch, and "
                    "`dayfold rebuild` counts in it what was stored before"
                )


def _restored_checkpoints(lake: Lake, checkpoints: CheckpointLog) -> Iterator[TableDamaged]:
    if checkpoints.exists:
        # Opened again, both at once: a run on another machine may have appended since the checkpoints were read.
        table = lake.look(CHECKPOINTS)
        require_files(lake, CHECKPOINTS, table, 0)
        known, rows = lake.known_batch(table), count_rows(table)
        if known > rows:
            told = f"its log says that row {known} was written, but it holds {rows}: it was restored to an older version"
            yield TableDamaged(CHECKPOINTS, told, way_back(lake, CHECKPOINTS))


def _contradictions(lake: Lake, name: str, table: DeltaTable, progress: Progress) -> Iterator[TableDamaged]:
    if str(table.metadata().id) != progress.table_ids.get(name, str(table.metadata().id)):
        yield TableDamaged(name, "it was dropped and created again since the last batch", COPY)
    known = lake.known_batch(table)
    if known > progress.last_batch:
        yield TableDamaged(
            name,
            f"it knows batch {known}, the checkpoints end at batch {progress.last_batch}: the plan of that batch is lost",
            _forget(lake, name, progress.last_batch),
        )


def _missing_rows(lake: Lake, name: str, table: DeltaTable, done: Done) -> Iterator[TableDamaged]:
    """The last finished batch must be there as its checkpoint counted it; a RESTORE or a lost commit takes it away first."""
    try:
        require_files(lake, name, table, done.batch)
        wanted, found = counts_of(lake, name, table, done)
    except TableDamaged as damage:
        yield damage
        return
    if wanted != found:
        told = (
            f"it holds {found} of batch {done.batch}, by its checkpoint it must hold {wanted}; the table was restored or "
            "has lost a commit"
        )
        yield TableDamaged(name, told, way_back(lake, name))


def way_back(lake: Lake, name: str) -> str:
    """How to undo what somebody did to a table's rows since the pipeline's last commit."""
    last = _last_own_commit(lake, name, TableLog(lake.location(name)))
    if last is None:
        return COPY
    return (
        f"If somebody restored it, take that back in Spark: RESTORE TABLE {in_sql(lake.location(name))} TO VERSION AS OF {last}; "
        "else bring back the newest copy of the table."
    )


def anew_or_back(lake: Lake, name: str, standing: Standing) -> str:
    """What to do about missing rows of an unfinished batch: read it again, or bring the rows back where it counts already."""
    if standing.counts_already:
        return way_back(lake, name)
    return "Nothing of it was averaged; run again with --abandon to read it again."


def _forget(lake: Lake, name: str, last_batch: int) -> str:
    """How to take a batch out of a table whose plan is lost and that nobody has seen."""
    log, first = TableLog(lake.location(name)), None
    for commit, actions in log.newest_first(FAR_BACK):
        if any(number_of(action, lake.app(name)) > last_batch for action in actions):
            first = commit.version
    if first is None or not log.is_readable_without(first):
        return COPY
    return (
        "Bring back the newest copy of checkpoints; or, as nothing of the batch was published, move every file of version "
        f"{first} and later, and _last_checkpoint, out of {log.location}/{LOG_FOLDER}; the next run plans it and reads it again."
    )

"""The Delta tables of one pipeline: where they are, what columns they have, and how a batch gets in exactly once.

Every commit is made by delta-rs in the driver, through the handle that was looked at before: a compare-and-set, where Spark's
own writer would skip a repeated batch without a word. What the columns mean is not known here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from spark_jobs.aggregates.aggregate import BATCH, REVISION, Aggregate
from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.faults import fault
from spark_jobs.base.outages import innermost_cause
from spark_jobs.lake.delta_log import TableLog
from spark_jobs.lake.durability import sync_commits
from spark_jobs.lake.schemas import CHECKPOINTS, DAILY, RECORDS, Layout, layout_of
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.definition import Definition
from spark_jobs.progress.offsets import Plan

MAINTAINED = "dayfold.maintained"
"""What a commit of maintenance has in its information: the pipeline's name. delta-rs numbers no OPTIMIZE and no VACUUM, and such
a commit must still be told from what somebody else did to the table.
"""


KEPT_COMMITS = 3
"""More than those that died before they saw to the disk can have left: each makes the disk keep the commits before its own."""


_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""What tables look like does not depend on when it is asked."""


class LostRace(Exception):
    """Another run committed the same step first; what it wrote decides."""


@dataclass(frozen=True)
class Lake:
    """The tables of a pipeline below `root`, a folder or a URI."""

    root: str
    pipeline: str
    layout: Layout = DAILY
    _looked_at: dict[str, DeltaTable] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, pipeline: Pipeline) -> "Lake":
        """The tables that these settings fill."""
        return cls(pipeline.lake, pipeline.name, layout_of(pipeline.rules(_ANY_TIME)))

    def defined_by(self, definition: Definition | None) -> "Lake":
        """The same with the tables that batches of this definition fill; those of the settings, if there is none."""
        return replace(self, layout=layout_of(definition.rules)) if definition else self

    def filled_by(self, plan: Plan) -> "Lake":
        """The same with the tables that a batch fills; those of the settings, if its plan cannot be read."""
        return self if plan.trouble else replace(self, layout=layout_of(plan.rules))

    @property
    def names(self) -> tuple[str, ...]:
        """All tables."""
        return tuple(self.layout.schemas)

    @property
    def filled(self) -> tuple[str, ...]:
        """The tables that batches are written into, in the order in which they are."""
        return tuple(name for name in self.names if name != CHECKPOINTS)

    def location(self, name: str) -> str:
        """Folder or URI of a table."""
        return f"{self.root.rstrip('/')}/{self.pipeline}/{name}"

    def exists(self, name: str) -> bool:
        return bool(DeltaTable.is_deltatable(self.location(name)))

    def open(self, name: str) -> DeltaTable:
        """The newest version of a table; `TableDamaged` if it is missing or its log cannot be read."""
        try:
            return DeltaTable(self.location(name))
        except TableNotFoundError:
            raise TableDamaged(name, f"missing at {self.location(name)}", "Bring back the newest copy of it.") from None
        except DeltaError as error:
            raise TableDamaged(
                name, f"its log cannot be read ({innermost_cause(str(error))})", "Bring back the newest copy of the table."
            ) from error

    def look(self, name: str) -> DeltaTable:
        """The newest version as well, by one handle that reads only what the log says since it was looked at last.

        So it is for reading alone: what is committed through it would be compared with what somebody else has looked at since.
        """
        table = self._looked_at.get(name)
        if table is not None and self.exists(name):
            with suppress(DeltaError):
                table.update_incremental()
                return table
        self._looked_at[name] = self.open(name)
        return self._looked_at[name]

    def create_missing(self, planned: Collection[str] = ()) -> None:
        """Create the tables that do not exist yet, `checkpoints` last: it must not be there without the others, not even after
        a power cut. Those that a plan was made for, and all but new ones of other aggregates are, are never created anew.
        """
        for name in (*(one for one in self.filled if one not in planned), CHECKPOINTS):
            # The other columns would only make commits larger.
            columns = {"delta.dataSkippingStatsColumns": ",".join(self.layout.with_statistics)} if name == RECORDS else {}
            schema = self.layout.schemas[name]
            table = DeltaTable.create(self.location(name), schema, mode="ignore", name=name, configuration=columns)
            sync_commits(table.table_uri, 0)

    def keep(self, name: str) -> None:
        """Have the disk hold what another run has committed to a table: it may have died before it saw to that."""
        table = self.look(name)
        sync_commits(table.table_uri, max(0, table.version() - KEPT_COMMITS))

    def ids(self, known: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """Delta's own id of each table, which changes when a table is dropped and created again, unless it is `known`."""
        return {name: known.get(name) or str(self.open(name).metadata().id) for name in self.filled}

    def app(self, name: str) -> str:
        """Application id that batches are numbered under in the table's transaction log."""
        return f"{self.pipeline}/{name}"

    def known_batch(self, table: DeltaTable) -> int:
        """The last batch that an open table's log knows, 0 if none."""
        return table.transaction_version(self.app(str(table.metadata().name))) or 0

    @property
    def pruning(self) -> str:
        """Application id that maintenance numbers the deletion of records under: never the batches' own, or an append of a batch
        would take it for a rival.
        """
        return f"{self.app(RECORDS)}/pruned"

    def pruned_batch(self, records: DeltaTable) -> int:
        """The last batch whose records, and those of all before it, maintenance has deleted,
        0 if none; of the open table's log.
        """
        return records.transaction_version(self.pruning) or 0


def append_once(table: DeltaTable, rows: pa.Table, *, app: str, version: int) -> None:
    """Append `rows` and the application's version in one commit, unless anyone else committed that application since
    `table` was opened: then `LostRace`. The handle is what makes this a compare-and-set.
    """
    require_schema(rows.schema, pa.schema(table.schema().to_arrow()))
    with committing(table):
        write_deltalake(table, rows, mode="append", commit_properties=committed_as(app, version))


def add_files(table: DeltaTable, files: Iterable[AddAction], *, app: str, version: int) -> None:
    """Make files that are in the table's folder already part of the table, once;
    like `append_once`, and also without any file.
    """
    with committing(table):
        table.create_write_transaction(list(files), "append", table.schema(), commit_properties=committed_as(app, version))


def merge_totals(table: DeltaTable, rows: pa.Table, aggregate: Aggregate, *, app: str, version: int) -> None:
    """Set the total of each group of `rows` to the values given, as batch `version`.

    Values are absolute, so repeating it changes nothing: the revision grows only where the stored batch is older, and
    rows of a later batch are left alone. `LostRace` if another run changed the table meanwhile.
    """
    require_schema(rows.schema, aggregate.totals)
    kept = (*aggregate.group, REVISION)
    values = {column: f"source.{column}" for column in rows.column_names if column not in kept}
    revision = f"CASE WHEN target.{BATCH} < source.{BATCH} THEN target.{REVISION} + 1 ELSE target.{REVISION} END"
    first, last = aggregate.windows(rows)
    window = f"target.{aggregate.window.column}"
    # Says nothing new, but files of other windows are skipped by it.
    within = f"{window} >= '{first}' AND {window} <= '{last}'"
    merge = table.merge(
        rows,
        predicate=f"{aggregate.same_group('target', 'source')} AND {within}",
        source_alias="source",
        target_alias="target",
        commit_properties=committed_as(app, version),
    )
    with committing(table):
        (
            merge.when_matched_update(predicate=f"target.{BATCH} <= source.{BATCH}", updates={**values, REVISION: revision})
            .when_not_matched_insert_all()
            .execute()
        )


@contextmanager
def committing(table: DeltaTable) -> Iterator[None]:
    """Around one commit through `table`: `LostRace` if another was first; afterwards the commit survives a power cut, with those
    that it stands on: whoever made them may have died before that.
    """
    since = table.version()
    try:
        fault("before:table_commit")
        yield
        fault("after:table_commit")
    except CommitFailedError as error:
        raise LostRace(str(error)) from error
    except DeltaError as error:
        if _is_left_behind(table.table_uri, since):
            raise LostRace(f"the log of version {since} was cleaned up meanwhile") from error
        raise
    sync_commits(table.table_uri, max(0, since - KEPT_COMMITS))


def _is_left_behind(location: str, version: int) -> bool:
    """Whether the table has gone on for so long that its log no longer tells what came after `version`."""
    commits = {commit.version for commit in TableLog(location).commits}
    return max(commits, default=version) > version and version + 1 not in commits


def committed_as(app: str, version: int) -> CommitProperties:
    """What numbers a commit in the table's transaction log."""
    return CommitProperties(app_transactions=[Transaction(app, version)])


def maintained(lake: Lake, pruned: int | None = None) -> CommitProperties:
    """What tells a commit of maintenance; with `pruned` it also says that records up to this batch are gone."""
    transactions = [Transaction(lake.pruning, pruned)] if pruned else None
    return CommitProperties(custom_metadata={MAINTAINED: lake.pipeline}, app_transactions=transactions)


def require_schema(found: pa.Schema, wanted: pa.Schema) -> None:
    """Raise `TypeError` that lists every difference between the columns found and the table's."""
    found_types, wanted_types = (dict(zip(schema.names, schema.types, strict=True)) for schema in (found, wanted))
    differences = [
        f"{name}: {found_types.get(name, 'missing')} instead of {wanted_types.get(name, 'nothing')}"
        for name in sorted(found_types.keys() | wanted_types.keys())
        if found_types.get(name) != wanted_types.get(name)
    ]
    if differences:
        raise TypeError("; ".join(differences))

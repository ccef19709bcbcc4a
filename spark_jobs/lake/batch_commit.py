"""A batch's commit to a table of the lake, whoever else writes to that table meanwhile."""

import logging
from collections.abc import Callable

from deltalake import DeltaTable

from spark_jobs.base.errors import TryAgain
from spark_jobs.lake.tables import Lake, LostRace

log = logging.getLogger(__name__)


def commit_batch(lake: Lake, table: DeltaTable, batch: int, commit: Callable[[DeltaTable], None], attempts: int = 1) -> None:
    """Commit the batch's rows to an open table, unless another run was first: its rows are there then, to be verified like ours.

    With more than one of the `attempts` left it is made again where the race was lost to a commit that wrote no batch, as
    maintenance on another machine makes them. Without, the next run looks at the table first: it may be somebody's RESTORE or
    DELETE.
    """
    name = str(table.metadata().name)
    for _ in range(attempts):
        try:
            commit(table)
            return
        except LostRace as error:
            table = lake.open(name)
            if lake.known_batch(table) >= batch:
                log.warning("another run wrote the %s of batch %d first; they are verified and used", name, batch)
                lake.keep(name)
                return
            log.warning("another writer changed %s meanwhile (%s)", name, error)
    raise TryAgain(f"the {name} of batch {batch} could not be committed: another writer changed the table meanwhile; run again")

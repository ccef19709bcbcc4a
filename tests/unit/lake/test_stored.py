"""Which tables are looked at for what was stored: those of plans and of finished batches, not of the settings."""

from pathlib import Path

from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.schemas import layout_of
from spark_jobs.lake.stored import as_counted, as_stored, planned_tables
from spark_jobs.lake.tables import Lake
from tests.declared.rows import SPAN, plan, rows, rules


def stored(folder: Path, finished: int) -> Lake:
    """A lake of settings with one aggregate: the first batch filled the other one, the second both, and so many are finished."""
    lake = Lake(str(folder), "p", layout_of(rules("hourly")))
    both = Lake(str(folder), "p", layout_of(rules("hourly", "daily")))
    both.create_missing()
    log = CheckpointLog(lake)
    log.create()
    for row in rows({1: 4, 2: 3}, [plan(1, "daily"), plan(2, "hourly", "daily", start=SPAN)])[: 2 * finished + 1]:
        log.append(row)
    return lake


def names(lake: Lake) -> list[str]:
    return [one.name for one in lake.layout.aggregates]


def test_before_any_batch_is_finished_the_newest_plan_says_which(tmp_path: Path) -> None:
    lake = stored(tmp_path, 0)
    assert (names(lake), names(as_stored(lake)), names(as_counted(lake))) == (["hourly"], ["daily"], ["daily"])


def test_finished_batches_say_what_is_counted_and_the_newest_plan_what_there_is(tmp_path: Path) -> None:
    lake = stored(tmp_path, 1)
    assert (sorted(names(as_stored(lake))), names(as_counted(lake))) == (["daily", "hourly"], ["daily"])


def test_without_checkpoints_there_are_those_of_the_settings(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path), "p", layout_of(rules("hourly")))
    assert (names(as_stored(lake)), names(as_counted(lake)), planned_tables(lake)) == (["hourly"], ["hourly"], lake.filled)

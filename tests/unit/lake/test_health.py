"""What a run finds wrong with tables before it plans anything: all of it at once, so that one visit of an operator is enough."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded, require_none
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.delta_log import LOG_FOLDER
from spark_jobs.lake.health import require_readable, require_whole
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from tests.daily_tables import CONTRIBUTIONS, DAILY_AVERAGES
from tests.stored import lake_of, stored_pipeline

pytestmark = pytest.mark.group("DF")


@pytest.fixture
def filled(tmp_path: Path) -> Lake:
    return lake_of(stored_pipeline(tmp_path, 2))


def told(check: Callable[[], None]) -> str:
    with pytest.raises(DecisionNeeded) as raised:
        check()
    return str(raised.value)


def test_all_commits_that_a_power_cut_has_emptied_are_named_together(filled: Lake) -> None:
    emptied = {name: max(Path(filled.location(name), LOG_FOLDER).glob("*.json")) for name in filled.names}
    for commit in emptied.values():
        commit.write_bytes(b"")
    lines = told(lambda: require_readable(filled)).splitlines()
    assert len(lines) == len(emptied) == 4
    for line, (name, commit) in zip(lines, emptied.items(), strict=True):
        assert line.startswith(f"table {name}: the commit {LOG_FOLDER}/{commit.name} is empty")
        assert "Move this file out" in line


def test_a_table_whose_log_nobody_can_read_hides_no_other(filled: Lake) -> None:
    commit = sorted(Path(filled.location(RECORDS), LOG_FOLDER).glob("*.json"))[0]
    commit.unlink()
    max(Path(filled.location(DAILY_AVERAGES), LOG_FOLDER).glob("*.json")).write_bytes(b"")
    lines = told(lambda: require_readable(filled)).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"table {RECORDS}", f"table {DAILY_AVERAGES}"]


def test_all_tables_that_were_restored_are_named_together(filled: Lake) -> None:
    for name in (CONTRIBUTIONS, DAILY_AVERAGES):
        table = DeltaTable(filled.location(name))
        table.restore(table.version() - 1)
    lines = told(lambda: require_whole(filled, CheckpointLog(filled))).splitlines()
    assert [line.split(":")[0] for line in lines] == [f"table {CONTRIBUTIONS}", f"table {DAILY_AVERAGES}"]
    assert all("the table was restored" in line for line in lines)


def test_what_needs_a_decision_decides_how_a_run_ends() -> None:
    property_is_wrong, commit_is_torn = ConfigurationError("a property"), DecisionNeeded("a commit")
    require_none([])
    for problems, kind in (
        ([property_is_wrong], ConfigurationError),
        ([property_is_wrong, ConfigurationError("another")], ConfigurationError),
        ([property_is_wrong, commit_is_torn], DecisionNeeded),
    ):
        with pytest.raises(kind) as raised:
            require_none(problems)
        assert str(raised.value) == "\n".join(map(str, problems))

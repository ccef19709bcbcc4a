"""Whatever a run did not make the disk keep before it ended, the next one does: a power cut takes nothing that counts."""

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.faults import InjectedFault
from spark_jobs.base.machine import Machine, running_on
from spark_jobs.lake.tables import Lake, append_once
from tests import oracle
from tests.daily_tables import CONTRIBUTIONS, SCHEMAS
from tests.worlds.power import Machines

pytestmark = pytest.mark.group("SC")


@pytest.fixture
def machines(tmp_path: Path) -> Callable[[str], Machines]:
    def new(name: str) -> Machines:
        (tmp_path / name).mkdir()
        return Machines(tmp_path / name)

    return new


@pytest.mark.parametrize("history", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_run_makes_the_disk_keep_what_the_run_before_it_could_not(machines: Callable[[str], Machines], history: int) -> None:
    one = machines("whole")
    for _ in range(history + 1):
        assert one.run()
    assert one.at_risk() == set()
    assert one.kept > 30
    lost = {}
    for nth in range(1, one.kept + 1):
        other = machines(f"failed-{nth}")
        for _ in range(history):
            other.run()
        assert not other.run(fails_at=nth)
        assert other.run()
        lost[nth] = other.risked | other.at_risk()
    assert {nth: files for nth, files in lost.items() if files} == {}


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "empty"])
@pytest.mark.parametrize("history", [0, 1])
def test_files_that_a_power_cut_takes_of_a_commit_are_named_and_its_work_is_done_again(
    machines: Callable[[str], Machines], history: int, is_gone: bool
) -> None:
    lost = set()
    for nth in count(1):
        one = machines(f"cut-{nth}")
        for _ in range(history):
            one.run()
        one.dies_at = nth
        try:
            one.run()
            break
        except InjectedFault:
            one.dies_at = 0
        files = [path for path in one.disk.at_risk() if path.suffix == ".parquet"]
        for file in files:
            file.unlink() if is_gone else file.write_bytes(b"")
        if files:
            lost.add(files[0].relative_to(one.lake).parts[0])
            require_told(one, files[0], "is missing" if is_gone else "has 0 of")
        assert one.run()
        require_all_counted(one)
    assert lost == {"checkpoints", "records", "contributions", "daily_averages"}


def require_told(one: Machines, file: Path, how: str) -> None:
    table = file.relative_to(one.lake).parts[0]
    before = DeltaTable(one.lake / table).version()
    with pytest.raises(TableDamaged) as stopped:
        one.run()
    assert re.match(rf"table {table}: its file \S*{re.escape(file.name)} {how}", str(stopped.value))
    assert f"move every file of version {before} and later, and _last_checkpoint, out of " in str(stopped.value)
    one.operator.follow(stopped.value)
    assert DeltaTable(one.lake / table).version() == before - 1


def require_all_counted(one: Machines) -> None:
    """Each message once, in tables and messages."""
    assert sum(row["value_count"] for row in oracle.rows(f"{one.lake}/contributions")) == one.written
    assert len(oracle.rows(f"{one.lake}/records")) == one.written
    one.truth.require_published_once()
    (last,) = oracle.rows(f"{one.lake}/daily_averages")
    assert last["value_count"] == one.written
    assert max(int(dict(record.headers)["count"]) for _, record in one.truth.publications()) == one.written


def test_a_run_makes_the_disk_keep_what_another_one_could_not_while_it_was_at_work(machines: Callable[[str], Machines]) -> None:
    one = machines("overtaken")
    lake = Lake.of(one.pipeline)

    def contribute() -> None:
        """As an older run of the same batch does whose disk then fails."""
        row = {"batch": 1, "partition": 0, "date": date(2026, 5, 1), "value_count": 1}
        values = dict.fromkeys(("value_sum", "value_min", "value_max"), Decimal("1.5"))
        rows = pa.Table.from_pylist([row | values], schema=SCHEMAS[CONTRIBUTIONS])
        with suppress(OSError), running_on(Machine(keep=broken)):
            append_once(lake.open(CONTRIBUTIONS), rows, app=lake.app(CONTRIBUTIONS), version=1)

    one.meanwhile["after:records_commit"] = contribute
    assert one.run()
    assert (one.risked, one.at_risk()) == (set(), set())


def broken(path: Path) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

"""`dayfold maintain` as an operator types it: what it tells, and how it ends.
The tables are real, no broker and no Spark is needed.
"""

import json
import signal
from pathlib import Path

import pytest

from spark_jobs.base.lock import hold_lock
from tests.oracle import rows
from tests.stored import lake_of, stored_pipeline
from tests.typed import type_in

PRUNING = ("--set", "maintenance.keep_records_days=30")


@pytest.mark.group("DF")
@pytest.mark.proves("K26", "F55")
def test_what_an_operator_types_is_told_as_a_table_and_as_json_and_a_kill_leaves_no_lock(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 3)
    config = str(tmp_path / "p.yaml")
    planned = type_in("maintain", config, "--dry-run", *PRUNING)
    assert planned.returncode == 0, planned.stderr
    assert "what maintenance would do" in planned.stdout
    assert "20 records up to batch 2" in planned.stdout
    assert " > " not in planned.stdout
    with hold_lock(pipeline.lock, pipeline=pipeline.name, run_id="night shift"):
        busy = type_in("maintain", config)
    assert busy.returncode == 75
    assert busy.stderr.startswith("dayfold: p is being run by run night shift")
    killed = type_in("maintain", config, fault="after:compact_records:kill9")
    assert killed.returncode == -signal.SIGKILL
    done = type_in("maintain", config)
    assert done.returncode == 0, done.stderr
    assert "3 > 1 " in next(line for line in done.stdout.splitlines() if "contributions" in line)
    pruned = json.loads(type_in("maintain", config, "--json", *PRUNING).stdout)
    assert (pruned["pruned"]["batch"], pruned["dry_run"]) == (2, False)
    assert {row["batch"] for row in rows(lake_of(pipeline).location("records"))} == {3}


def test_a_vacuum_of_younger_files_is_a_wrong_setting(tmp_path: Path) -> None:
    stored_pipeline(tmp_path, 0)
    wrong = type_in("maintain", str(tmp_path / "p.yaml"), "--set", "maintenance.vacuum_after_hours=1")
    assert wrong.returncode == 78
    assert "maintenance.vacuum_after_hours: Input should be greater than or equal to 168 (got 1)" in wrong.stderr

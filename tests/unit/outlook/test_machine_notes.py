"""What would hinder a run on this machine is said by plan, and is what the run stops at."""

import re
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.lock import hold_lock
from spark_jobs.outlook.machine_notes import machine_notes
from tests.stored import stored_pipeline


@pytest.mark.proves("F212")
def test_what_hinders_a_run_on_this_machine_is_said_before_it(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 0)
    assert list(machine_notes(pipeline, {})) == []
    with hold_lock(pipeline.lock, pipeline="p", run_id="tonight"):
        (held,) = machine_notes(pipeline, {})
    assert re.fullmatch(r"run tonight \(process \d+ on \S+, since \S+\) holds the lock: .* ends with 75", held)
    (tmp_path / "full").write_text("a file where a folder should be")
    blocked = stored_pipeline(tmp_path, 0, "state=full/state", "lake=full/lake")
    lock, lake = machine_notes(blocked, {"SPARK_LOCAL_DIRS": ""})
    assert lock == f"a run as this user ends with 78: {blocked.lock} cannot be written, because {tmp_path}/full is no folder"
    assert (
        lake == f"a run as this user ends with 78: {tmp_path}/full/lake/p cannot be written, because {tmp_path}/full is no folder"
    )
    with pytest.raises(ConfigurationError, match="cannot open the lock file"), hold_lock(blocked.lock, pipeline="p", run_id="r"):
        pass
    (scratch,) = machine_notes(pipeline, {"SPARK_LOCAL_DIRS": str(tmp_path / "full" / "scratch")})
    assert "a run from here ends with 78: SPARK_LOCAL_DIRS names" in scratch

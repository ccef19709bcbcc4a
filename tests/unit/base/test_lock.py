import subprocess
import sys
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError, PipelineBusy
from spark_jobs.base.lock import hold_lock, lock_owner


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "state" / "p.lock"
    with hold_lock(path, pipeline="p", run_id="first"):
        with pytest.raises(PipelineBusy, match="run first") as caught, hold_lock(path, pipeline="p", run_id="second"):
            pass
        assert "run first" in str(lock_owner(path))
    assert caught.value.exit_code == 75


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "p.lock"
    for name in ("first", "second"):
        with hold_lock(path, pipeline="p", run_id=name):
            pass
    assert lock_owner(path) is None


def test_a_killed_owner_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "p.lock"
    script = (
        "import os, signal, sys; from pathlib import Path; from spark_jobs.base.lock import hold_lock\n"
        "with hold_lock(Path(sys.argv[1]), pipeline='p', run_id='doomed'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    assert path.read_text().startswith("run doomed")
    with hold_lock(path, pipeline="p", run_id="next"):
        assert "run next" in path.read_text()


def test_a_lock_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match="state"), hold_lock(tmp_path / "state" / "p.lock", pipeline="p", run_id="r"):
        pass


def test_the_owner_of_a_lock_that_was_never_taken_is_nobody(tmp_path: Path) -> None:
    assert lock_owner(tmp_path / "none.lock") is None

"""What a run took is what it and everything it started took."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Measurement, kept_in, run_measured

SPIN = "import time\nwhile time.process_time() < 0.6: pass\n"


def measured(folder: Path, script: str, deadline_seconds: float = 60) -> Measurement:
    (folder / "script.py").write_text(script)
    return run_measured([sys.executable, "-I", str(folder / "script.py")], os.environ, folder / "script.log", deadline_seconds)


def test_processor_time_of_a_child_whose_parent_has_died_counts(tmp_path: Path) -> None:
    (tmp_path / "spin.py").write_text(SPIN)
    orphan = f"[{sys.executable!r}, '-I', {str(tmp_path / 'spin.py')!r}]"
    middle = f"import subprocess; subprocess.Popen({orphan})"
    found = measured(tmp_path, f"import subprocess, sys\nsubprocess.run([{sys.executable!r}, '-c', {middle!r}], check=True)\n")
    assert found.exit_code == 0
    assert not found.left_behind
    assert found.cpu_seconds >= 0.6


def test_peak_memory_is_that_of_the_largest_process(tmp_path: Path) -> None:
    found = measured(tmp_path, f"held = bytearray(b'x') * (200 << 20)\n{SPIN}")
    assert 200 << 20 < found.python_bytes < 300 << 20
    assert found.java_bytes == 0
    assert found.together_bytes >= 200 << 20


def test_a_console_script_is_measured_as_the_python_that_it_is(tmp_path: Path) -> None:
    script = tmp_path / "named_otherwise"
    script.write_text(f"#!{sys.executable}\nheld = bytearray(b'x') * (200 << 20)\n{SPIN}")
    script.chmod(0o755)
    found = run_measured([str(script)], os.environ, tmp_path / "script.log", 60)
    assert 200 << 20 < found.python_bytes < 300 << 20


def test_written_bytes_count_though_the_file_is_gone(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\nimport os\nfile = open('big', 'wb')\nfile.write(b'x' * (8 << "
        "20))\nfile.flush()\nos.fsync(file.fileno())\nos.unlink('big')\n"
    )
    assert measured(tmp_path, script).written_bytes >= 8 << 20


def test_the_exit_code_and_what_was_said_are_kept(tmp_path: Path) -> None:
    assert measured(tmp_path, "print('gone wrong')\nraise SystemExit(7)\n").exit_code == 7
    assert (tmp_path / "script.log").read_text() == "gone wrong\n"


def test_a_run_that_does_not_end_is_killed_with_all_below_it(tmp_path: Path) -> None:
    endless = (
        "import subprocess, sys, threading\nsubprocess.Popen([sys.executable, '-c', 'import threading; "
        "threading.Event().wait()'])\nthreading.Event().wait()\n"
    )
    found = measured(tmp_path, endless, deadline_seconds=1)
    assert found.exit_code == -9
    assert found.seconds < 30


@pytest.mark.parametrize("sizes", [[], [10, 300]])
def test_what_is_kept_is_all_below_a_folder(tmp_path: Path, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        path = tmp_path / str(number) / "file"
        path.parent.mkdir()
        path.write_bytes(b"x" * size)
    assert (kept_in(tmp_path).files, kept_in(tmp_path).bytes) == (len(sizes), sum(sizes))

"""The end of a process of ours: what it has said is out, its code is what it says, and no library can change that."""

import os
import signal
import subprocess
import sys

ABORTED_AT_EXIT = "import atexit, os, sys; atexit.register(os.abort); "


def test_a_library_that_aborts_at_the_end_changes_nothing() -> None:
    ended = said_before("from spark_jobs.launch.leaving import leave; leave(7)")
    assert (ended.returncode, ended.stdout) == (7, "all is done\n")
    # The library of this test does abort whoever ends otherwise.
    assert said_before("sys.exit(7)").returncode == -signal.SIGABRT


def said_before(ending: str) -> "subprocess.CompletedProcess[str]":
    code = f"{ABORTED_AT_EXIT}print('all is done'); {ending}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_whoever_no_longer_reads_changes_nothing_either() -> None:
    command = [
        sys.executable,
        "-c",
        "from spark_jobs.launch.leaving import leave; import sys; sys.stdin.readline(); print('too late'); leave(7)",
    ]
    # What is printed waits in the process until it ends.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        command, env=buffered, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        if process.stdin:
            process.stdin.write(b"\n")
            process.stdin.flush()
        assert process.wait(20) == 7

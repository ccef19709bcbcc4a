"""A shell set up for another Spark, in a locale without umlauts: a run by `dayfold` and one by hand, both on loopback alone."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from tests.another_spark import ANOTHER_SPARK, ELSEWHERE
from tests.conftest import NewWorld
from tests.listening import listening
from tests.submitted import start_run

BIN = PROJECT / ".venv" / "bin"
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
MESSAGE = b'{"datetime": "23/12/2006 16:52:00", "voltage": 239.94}'
SHELL = {
    **ANOTHER_SPARK,
    "SPARK_HOME": "/nowhere",
    "SPARK_LOCAL_IP": ELSEWHERE,
    "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC",
    "JAVA_HOME": "/nowhere",
    "TMPDIR": "/nowhere",
    "LC_ALL": "C",
}


@pytest.mark.thorough
@pytest.mark.proves("F190", "F192")
def test_a_run_starts_the_pinned_spark_and_listens_on_loopback(new_world: NewWorld, tmp_path: Path) -> None:
    """Frozen while Spark lives, so that its ports can be looked at."""
    world = new_world(lake=str(tmp_path / "our läke #1: 100%"))
    world.send(0, MESSAGE)
    world.send(1, MESSAGE)
    frozen = {"DAYFOLD_ALLOW_FAULTS": "1", "DAYFOLD_FAULT": "after:records_commit:stop"}
    # The command itself runs on this Python, whatever the shell says of others.
    shell = {name: value for name, value in SHELL.items() if not name.startswith("PYTHON")}
    run = start_run([str(BIN / "dayfold"), "run", str(world.config)], {**os.environ, **shell, **frozen})
    try:
        run.wait_until_frozen()
        assert listening(psutil.Process(run.pid)) <= LOOPBACK
        run.signal_drivers(signal.SIGCONT)
        code, said = run.finish()
    finally:
        run.end()
    assert code == 0, said
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F190")
def test_by_hand_a_locale_in_which_java_reads_other_names_is_one_sentence(new_world: NewWorld, tmp_path: Path) -> None:
    world = new_world(lake=str(tmp_path / "läke"))
    world.send(0, MESSAGE)
    job = ["spark_jobs/daily_averages.py", "--config", str(world.config)]
    command = [str(BIN / "spark-submit"), "--properties-file", "conf/spark-defaults.conf", *job]
    environment = {**os.environ, "LC_ALL": "C", "JAVA_HOME": str(find_java()), "PATH": f"{BIN}:{os.environ['PATH']}"}
    environment.pop("PYSPARK_SUBMIT_ARGS", None)
    told = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 78, told.stdout + told.stderr
    assert "Java reads names of files as" in told.stdout + told.stderr
    assert not (tmp_path / "läke").exists()

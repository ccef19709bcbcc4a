"""The demo in small: the first 22 days of the readings on a broker of its own, through a real Airflow and a real Spark.

The first start is interrupted in the middle of its Spark job, as a Ctrl-C in the terminal does; the second one goes on, with the
kill that every demo shows once; the third finds everything done.
"""

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from matplotlib import image
from rich.console import Console

from spark_jobs.base.project import PROJECT
from spark_jobs.local.demo.story import Outcome, Scope, run_demo
from spark_jobs.local.kafka.server import find_broker, stop_broker
from tests import oracle
from tests.submitted import wait_until

# One worker runs all of it: the tests look at the same starts of the demo.
pytestmark = pytest.mark.xdist_group("demo")

SCOPE = Scope(days=22, later_days=2)
LATER = 2 * 1440
RECORDS = 396 + 21 * 1440
"""The readings begin at 17:24 of the first day, one a minute."""

Started = tuple[Outcome, str]


def start(project: Path) -> Started:
    """Run the demo here; what became of it and what it said."""
    said = io.StringIO()
    return run_demo(project, SCOPE, Console(file=said, width=120)), said.getvalue()


def processes_of(project: Path) -> list[psutil.Process]:
    """Living processes that have the project's folder on their command line or in their environment."""
    mine = psutil.Process()
    return [one for one in psutil.process_iter() if one != mine and str(project) in _facts(one)]


def _facts(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.cmdline()} {process.environ()}"
    except psutil.Error:
        return ""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project folder with the committed pipeline file and nothing else.

    The short-lived JVMs do without their optimising compiler: a third less processor time for the whole file.
    """
    folder = tmp_path_factory.mktemp("project")
    pipelines = folder / "conf" / "pipelines"
    pipelines.mkdir(parents=True)
    shutil.copy(PROJECT / "conf" / "pipelines" / "daily_voltage.yaml", pipelines)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
        yield folder
    stop_broker(folder / "data" / "kafka")


@pytest.fixture(scope="module")
def interrupted(project: Path) -> tuple[int, list[psutil.Process]]:
    """A demo that gets a Ctrl-C while its Spark job writes records: its exit code, and what still runs afterwards."""
    script = (
        f"from pathlib import Path; from spark_jobs.local.demo.story import *; run_demo(Path({str(project)!r}), Scope(22, 2))"
    )
    demo = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        log = project / "data" / "airflow" / "dag_run_1.log"
        wait_until(lambda: demo.poll() is not None or (log.exists() and "plan     batch 1" in log.read_text()), "Spark job", 200)
        demo.send_signal(signal.SIGINT)
        code = demo.wait(60)
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
            demo.wait()
    return code, processes_of(project)


@pytest.fixture(scope="module")
def first(project: Path, interrupted: tuple[int, list[psutil.Process]]) -> Started:
    """The demo started again after the interruption, to its end."""
    assert interrupted[0] != 0
    return start(project)


@pytest.fixture(scope="module")
def second(project: Path, first: Started) -> Started:
    """Once more, when everything is done."""
    assert first
    return start(project)


def test_ctrl_c_leaves_nothing_running(interrupted: tuple[int, list[psutil.Process]]) -> None:
    code, left = interrupted
    assert code == -signal.SIGINT
    assert left == []


@pytest.mark.thorough
def test_an_interrupted_demo_goes_on_where_it_was(first: Started) -> None:
    outcome, said = first
    assert "✓ load the history         all there from before" in said
    assert [(step.kind, step.name, step.records) for step in outcome.steps] == [
        ("load", "load the history", RECORDS - LATER),
        ("killed", "DAG run 1: history", RECORDS - LATER),
        ("resumed", "DAG run 2: history again", 0),
        ("load", "load the last 2 days", LATER),
        ("averaged", "DAG run 3: last 2 days", LATER),
        ("idle", "DAG run 4: nothing new", 0),
    ]


def test_the_first_run_is_killed_in_its_transaction_and_the_next_one_resumes_its_batch(project: Path, first: Started) -> None:
    outcome, said = first
    assert f"killed with SIGKILL while it published batch 1; {RECORDS - LATER:,} records stored" in said
    assert "✓ DAG run 2: history again resumed batch 1; 0 records read again" in said
    tick = f"batch 1 was killed in the middle and resumed: the same {RECORDS - LATER:,} records, none twice"
    assert f"✓ check                    {tick}" in said
    assert f"<li>{tick}</li>" in outcome.page.read_text()
    log = oracle.rows(str(project / "data" / "lake" / "daily_voltage" / "checkpoints"))
    run_of = {row["state"]: row["run_id"] for row in log if row["batch"] == 1}
    assert sorted(run_of) == ["DONE", "PLANNED"]
    assert run_of["PLANNED"] != run_of["DONE"]


def test_airflow_holds_the_killed_run_for_failed_and_lets_others_begin(project: Path, first: Started) -> None:
    assert first
    with closing(sqlite3.connect(project / "data" / "airflow" / "airflow.db")) as database:
        states = [state for (state,) in database.execute("SELECT state FROM dag_run ORDER BY id")]
        tasks = dict(
            database.execute("SELECT task_id, state FROM task_instance WHERE run_id IN (SELECT run_id FROM dag_run WHERE id = 2)")
        )
    # The one that Ctrl-C ended is the first.
    assert states[1:] == ["failed", "success", "success", "success"]
    assert tasks["submit"] == "failed"


def test_every_day_equals_the_csv(first: Started) -> None:
    verdict = first[0].verdict
    assert (verdict.days, verdict.records, verdict.published, verdict.further) == (22, RECORDS, 22, 0)
    assert "22 of 22 days equal the CSV in sum, count, min and max" in first[1]


def test_the_tables_hold_each_message_of_the_topic_once(project: Path, first: Started) -> None:
    assert first
    tables = str(project / "data" / "lake" / "daily_voltage")
    records = oracle.found_records(tables)
    assert (len(records), len({record[:2] for record in records})) == (RECORDS, RECORDS)
    assert sum(row[1] for row in oracle.found_averages(tables).values()) == RECORDS


def test_the_picture_is_a_plot_of_a_sensible_size(first: Started) -> None:
    picture = image.imread(first[0].picture)
    height, width, _ = picture.shape
    assert (width, height) == (1800, 1230)
    assert len({tuple(pixel) for pixel in picture[::7, ::7].reshape(-1, picture.shape[2])}) > 20, "the picture is nearly empty"


def test_the_page_holds_the_tables_and_the_picture(first: Started) -> None:
    page = first[0].page.read_text()
    for text in (
        "22 of 22 days equal the CSV",
        "DAG run 3: last 2 days",
        "average (V)",
        "Batches in the checkpoint table",
        "The newest daily averages",
        "<td>2007-01-06</td>",
        "Offsets of airflow-input-topic after batch 2",
        "UCI Machine Learning Repository",
        "data:image/png;base64,iVBOR",
    ):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_second_demo_loads_nothing_and_starts_no_spark(second: Started) -> None:
    outcome, said = second
    assert (outcome.steps[-1].kind, outcome.steps[-1].name) == ("idle", "DAG run 4: nothing new")
    assert said.count("all there from before") == 2
    assert outcome.verdict.records == RECORDS


def test_the_page_of_a_second_demo_keeps_the_times_of_the_first(first: Started, second: Started) -> None:
    assert second[0].steps[:-1] == first[0].steps[:-1]
    page = second[0].page.read_text()
    for step in first[0].steps[:-1]:
        assert f"<td>{step.name}</td>" in page
        assert f">{step.at}<" in page
    assert str(second[0].verdict.resumed) in page


def test_the_first_and_the_last_hint_work_as_they_stand(project: Path, second: Started) -> None:
    shown = {0: "daily_voltage reads airflow-input-topic", 2: "2007-01-06"}
    for number, text in shown.items():
        command = second[0].hints[number].command
        done = subprocess.run(command, shell=True, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert text in done.stdout
    assert find_broker(project / "data" / "kafka") is not None

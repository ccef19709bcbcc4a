"""The commands of the README, run as a user types them: from the project folder, with the installed launchers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import NewWorld
from tests.typed import type_command
from tests.world import World, reading

BIN = Path(sys.executable).parent


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world(partitions=2)


def spark_submit(world: World) -> subprocess.CompletedProcess[str]:
    job = ["--properties-file", "conf/spark-defaults.conf", "spark_jobs/daily_averages.py", "--config", str(world.config)]
    return type_command("spark-submit", *job)


@pytest.mark.group("AF")
@pytest.mark.proves("F74")
def test_spark_submit_by_hand_does_the_whole_job(world: World) -> None:
    world.send(0, reading("23/12/2006 16:52:00", "239.94"), b"no reading")
    world.send(1, reading("24/12/2006 16:52:00", "240"))
    first = spark_submit(world)
    assert first.returncode == 0, first.stdout
    assert "3 records read, 1 rejected (NOT_JSON 1), 0 gaps, 0 rounded, 2 averages published" in first.stdout
    world.assert_all_counted()
    second = spark_submit(world)
    assert second.returncode == 0, second.stdout
    assert "nothing new" in second.stdout


def test_dayfold_plans_runs_and_tells_where_it_stands(world: World) -> None:
    world.send(0, reading("23/12/2006 16:52:00", "239.94"))
    planned = json.loads(type_command("dayfold", "plan", str(world.config), "--json").stdout)
    assert (planned["batch"], planned["count"], [one["end"] for one in planned["partitions"]]) == (1, 1, [1, 0])
    done = type_command("dayfold", "run", str(world.config))
    assert done.returncode == 0, done.stderr
    world.assert_all_counted()
    status = json.loads(type_command("dayfold", "status", str(world.config), "--json").stdout)
    assert (status["last_batch"], status["unfinished"], status["owner"]) == (1, None, None)
    assert [(one["stored"], one["group"], one["lag"]) for one in status["partitions"]] == [(1, 1, 0), (0, 0, 0)]


def test_dayfold_run_starts_no_java_when_there_is_nothing_new(world: World) -> None:
    environment = {**os.environ, "JAVA_HOME": "/nowhere", "PATH": str(BIN)}
    command = [str(BIN / "dayfold"), "run", str(world.config)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    seen: set[str] = set()
    while process.poll() is None:
        seen |= {child.name() for child in psutil.Process(process.pid).children(recursive=True)}
    assert process.stdout is not None
    assert (process.returncode, process.stdout.read()) == (0, "nothing new\n")
    assert seen == set()
    process.stdout.close()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("plan", "no-such-file.yaml"), 78, "cannot read the pipeline file no-such-file.yaml"),
        (("plan", "{config}", "--set", "limits.max_record=1"), 78, "unknown key; did you mean max_record"),
        (("plan", "{config}", "--set", "input.topic=never-created"), 78, "never-created"),
        (("plan",), 64, "CONFIG"),
        (("run", "{config}", "--abandon"), 64, "no unfinished batch to abandon"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_its_exit_code(
    world: World, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = type_command("dayfold", *(argument.replace("{config}", str(world.config)) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_is_down_is_told_in_time(world: World, tmp_path: Path) -> None:
    (tmp_path / "down.properties").write_text("bootstrap.servers=127.0.0.1:1\n")
    done = type_command("dayfold", "run", str(world.config), "--set", f"kafka={tmp_path / 'down.properties'}", seconds=60)
    assert done.returncode == 75
    assert done.stderr.startswith("dayfold: no Kafka broker answered at 127.0.0.1:1 within 10 s")
    assert done.stderr.count("\n") == 1

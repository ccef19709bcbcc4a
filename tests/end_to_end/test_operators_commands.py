"""What an operator types to watch a pipeline and to decide, as typed: output, sentences and exit codes."""

import json
import time

import pytest

from tests.conftest import NewWorld
from tests.faults.topic_settings import alter_input
from tests.typed import type_command
from tests.world import World, reading

HOUR_MS = 3_600_000


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """150 hours of a retention of 168 have passed for the first partition's records; the others are empty."""
    world = new_world()
    alter_input(world, {"retention.ms": str(168 * HOUR_MS)})
    world.send(0, reading("23/12/2006 16:52:00", "239.94"), timestamp=int(time.time() * 1000) - 150 * HOUR_MS)
    return world


def test_status_fails_under_the_hours_that_an_operator_asks_for(world: World) -> None:
    fine = type_command("dayfold", "status", str(world.config), "--fail-under", "17")
    assert fine.returncode == 0, fine.stderr
    assert "in 18.0 h" in fine.stdout
    assert fine.stderr == ""
    late = type_command("dayfold", "status", str(world.config), "--fail-under", "24", "--json")
    assert late.returncode == 65
    assert late.stderr.startswith("dayfold: partition 0: the oldest unread record, of ")
    assert late.stderr.count("\n") == 1
    report = json.loads(late.stdout)
    assert report["retention"] == {"hours": 168.0, "forever": False, "bytes": None}
    assert [one["expires"] for one in report["partitions"]] == ["in 18.0 h", "-", "-"]
    assert [one["cause"] for one in report["partitions"]] == ["unread"] * 3


def test_a_loss_is_told_decided_and_listed(world: World) -> None:
    world.run()
    world.send(0, *(reading("24/12/2006 16:52:00", f"24{digit}") for digit in range(4)))
    world.delete_records(0, 3)
    told = type_command("dayfold", "status", str(world.config))
    assert told.returncode == 65
    assert "partition 0: offsets 1 to 2 were deleted unread; the checkpoint is right" in told.stdout
    assert "partition 0: offsets 1 to 2 (2 records) are gone; first available is 3" in told.stderr
    assert "--accept-loss (in Airflow: trigger the DAG with the parameter accept_loss)" in told.stderr
    planned = type_command("dayfold", "plan", str(world.config))
    assert (planned.returncode, planned.stderr) == (65, told.stderr)
    world.run(accept_loss=True)
    (entry,) = json.loads(type_command("dayfold", "losses", str(world.config), "--json").stdout)["losses"]
    assert {name: entry[name] for name in ("state", "batch", "partition", "from", "to", "count", "cause")} == {
        **{"state": "LOSS", "batch": 1, "partition": 0},
        **{"from": 1, "to": 3, "count": 2, "cause": "retention"},
    }
    assert "@" in entry["who"]
    listed = type_command("dayfold", "losses", str(world.config))
    assert listed.returncode == 0
    assert "retention" in listed.stdout


def test_losses_of_a_pipeline_that_never_ran_are_none(world: World) -> None:
    done = type_command("dayfold", "losses", str(world.config), "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"losses": [], "decisions": []})


def test_hours_that_are_no_number_are_a_usage_error(world: World) -> None:
    done = type_command("dayfold", "status", str(world.config), "--fail-under", "soon")
    assert done.returncode == 64
    assert "--fail-under" in done.stderr


@pytest.mark.proves("F177")
def test_plan_status_and_run_warn_once_of_an_offset_that_is_taken_for_text(new_world: NewWorld) -> None:
    time = {"field": "datetime", "format": "yyyy-MM-dd'T'HH:mm:ss'Z'", "timezone": "Europe/Paris"}
    config = str(new_world(input={"time": time}).config)
    for command in ("plan", "status", "run"):
        done = type_command("dayfold", command, config)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("takes 'Z' for nothing but text") == 1
        assert done.stderr.count("write X in its place") == 1

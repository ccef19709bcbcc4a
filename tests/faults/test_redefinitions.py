"""Settings that change under a pipeline with history: nothing is mixed in silence,
and what an operator decides is written down.
"""

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from spark_jobs.base.errors import ConfigurationError, DayfoldError, DecisionNeeded, DefinitionChanged
from spark_jobs.commands import looking
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.orchestration.params import require_decided
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.losses import decisions_in
from tests import oracle
from tests.conftest import NewWorld
from tests.faults import points
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.stored import lake_of
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

WATTS = "input.value.field=watts"


def both(moment: str) -> bytes:
    return f'{{"datetime": "{moment}", "voltage": 230, "watts": 5}}'.encode()


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.fixture
def new_output(world: World) -> Iterator[Callable[[], str]]:
    """Makes output topics beside the pipeline's own; they go with the test."""
    made: list[str] = []

    def create() -> str:
        made.append(f"{world.pipeline.name}-out-{uuid.uuid4().hex[:6]}")
        create_topics(world.bootstrap, {made[-1]: 3})
        return made[-1]

    yield create
    for future in world.admin.delete_topics(made).values() if made else ():
        future.result(20)


def with_settings(world: World, *overrides: str) -> Pipeline:
    return load_pipeline(world.config, overrides=overrides)


def problems(world: World, *overrides: str) -> list[str]:
    return [str(one) for one in look_ahead(with_settings(world, *overrides), {}).problems]


def stop(world: World, *overrides: str) -> str:
    with pytest.raises(DayfoldError) as caught:
        world.run(overrides=overrides)
    assert caught.value.exit_code == 65
    return str(caught.value)


@pytest.mark.proves("F160", "F161")
def test_another_field_stops_plan_and_run_alike_until_it_is_decided_and_the_audit_says_so(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.send(0, *(both(f"16/12/2006 17:0{minute}:00") for minute in range(3)))
    world.run()
    world.send(0, both("16/12/2006 18:00:00"))
    before = states(world)
    (foreseen,) = problems(world, WATTS)
    assert foreseen == stop(world, WATTS)
    assert "  input.value.field: voltage so far, watts now\n" in foreseen
    assert states(world) == before
    assert problems(world) == []
    with pytest.raises(DefinitionChanged):
        require_decided(look_ahead(with_settings(world, WATTS), {}).problems, {"adopt_definition": False})
    require_decided(look_ahead(with_settings(world, WATTS), {}).problems, {"adopt_definition": True})
    (done,) = world.run(overrides=[WATTS], adopt_definition=True, run_id="decided")
    assert (done.batch, states(world)) == (2, [*before, "REDEFINED", "PLANNED", "DONE"])
    assert {batch: str(row[0]) for (batch, _, _), row in oracle.found_contributions(world.tables).items()} == {
        1: "690.000000",
        2: "5.000000",
    }
    (decision,) = decisions_in(CheckpointLog(lake_of(world.pipeline)).rows)
    assert (decision.run_id, decision.batch, decision.what) == ("decided", 1, "input.value.field: voltage so far, watts now")
    found = audited(world)
    assert told(found) == ""
    (note,) = found.notes
    assert note.startswith("from batch 2 on other settings hold than before (input.value.field: voltage so far, watts now), as ")
    assert world.run(overrides=[WATTS]) == []
    assert "input.value.field: watts so far, voltage now" in stop(world)
    capfd.readouterr()
    looking.losses_command(world.config, as_json=True)
    assert [one["state"] for one in json.loads(capfd.readouterr().out)["decisions"]] == ["REDEFINED"]


@pytest.mark.proves("F160", "F162")
def test_an_unfinished_batch_is_finished_where_and_as_it_was_planned_before_the_change_is_asked_about(
    world: World, new_output: Callable[[], str]
) -> None:
    world.send(0, *some(2))
    world.run()
    world.send(0, *some(3))
    assert world.run_with_fault("after:averages_commit:raise")
    moved = [f"output.topic={new_output()}", WATTS]
    (foreseen,) = problems(world, *moved)
    assert "Batch 2 is unfinished and will be finished by its own settings first" in foreseen
    assert "output.topic: " in stop(world, *moved)
    assert states(world)[-2:] == ["PLANNED", "DONE"]
    world.assert_all_counted()
    assert "unfinished" not in problems(world, *moved)[0]


@pytest.mark.proves("F162")
def test_a_batch_whose_output_topic_is_gone_asks_for_it_and_can_be_given_up(world: World, new_output: Callable[[], str]) -> None:
    world.send(0, *some(2))
    own = world.pipeline.output_name
    assert world.run_with_fault("after:plan_commit:raise")
    moved = f"output.topic={new_output()}"
    world.admin.delete_topics([own])[own].result(20)
    assert problems(world, moved) == [stop(world, moved)]
    assert f"Create {own} again with 3 partitions" in stop(world, moved)
    (done,) = world.run(overrides=[moved], abandon=True)
    assert done.batch == 2


@pytest.mark.proves("F162")
@pytest.mark.thorough
def test_an_output_topic_created_anew_is_asked_about_like_another_one(world: World) -> None:
    world.send(0, *some(2))
    world.run()
    world.recreate(world.pipeline.output_name, 3)
    assert problems(world) == [stop(world)]
    assert "and created again now" in stop(world)
    assert world.run(adopt_definition=True) == []
    assert states(world)[-1] == "REDEFINED"
    assert told(audited(world)) == ""


@pytest.mark.proves("F160")
@pytest.mark.thorough
@pytest.mark.parametrize("kill", [*points.REDEFINE, "before:plan_commit", "after:plan_commit"])
def test_a_decision_is_written_down_once_whatever_dies_after_it(world: World, kill: str) -> None:
    world.send(0, *(both(f"16/12/2006 17:0{minute}:00") for minute in range(2)))
    world.run()
    world.send(0, both("16/12/2006 18:00:00"))
    assert world.run_with_fault(f"{kill}:raise", overrides=[WATTS], adopt_definition=True)
    (done,) = world.run(overrides=[WATTS])
    assert (done.batch, states(world).count("REDEFINED")) == (2, 1)
    assert told(audited(world)) == ""


@pytest.mark.proves("F160")
@pytest.mark.thorough
def test_a_batch_given_up_under_the_old_settings_is_planned_by_the_new_ones(world: World) -> None:
    world.send(0, both("16/12/2006 17:00:00"))
    assert world.run_with_fault("after:records_commit:raise")
    (done,) = world.run(overrides=[WATTS], abandon=True)
    assert done.batch == 2
    assert [str(row[0]) for row in oracle.found_contributions(world.tables).values()] == ["5.000000"]
    assert told(audited(world)) == ""


@pytest.mark.proves("F163")
def test_two_pipelines_cannot_share_an_output_topic(world: World) -> None:
    world.send(0, *some(1))
    producer = Producer({"bootstrap.servers": world.bootstrap})
    producer.produce(world.pipeline.output_name, b"{}", b"2006-12-16", 1, headers=[("pipeline", b"another"), ("batch", b"1")])
    assert producer.flush(20) == 0
    for call in (lambda: look_ahead(world.pipeline, {}), world.run):
        with pytest.raises(
            ConfigurationError, match=rf"holds averages of the pipeline another; give {world.pipeline.name} another"
        ):
            call()
    assert states(world) == []


@pytest.mark.proves("F164")
def test_another_input_topic_is_named_as_such_and_not_as_one_created_anew(world: World, new_output: Callable[[], str]) -> None:
    world.send(0, *some(1))
    world.run()
    other = f"input.topic={new_output()}"
    assert problems(world, other) == [stop(world, other)]
    assert f"the stored offsets are of {world.pipeline.input.topic}" in stop(world, other)
    with pytest.raises(DecisionNeeded, match="--adopt-topic"):
        world.run(overrides=[other])


@pytest.mark.proves("F165")
def test_a_start_that_changes_nothing_is_said_to_by_plan_status_and_run(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    world.send(0, *some(1))
    world.run()
    start = ["input.start=latest"]
    told_once = "input.start is latest, which changes nothing"
    looking.plan_command(world.config, start)
    looking.status_command(world.config, start)
    said = capfd.readouterr()
    assert said.out.count(told_once) == 2
    assert world.run(overrides=start) == []
    assert told_once in caplog.text
    assert look_ahead(world.pipeline, {}).idle_setting is None

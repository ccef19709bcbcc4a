"""A pipeline begins a new life on an output topic that still has readers, or older tables come back:
what they see never falls behind.
"""

import shutil
from pathlib import Path

import pytest

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.removal.forget import forget
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.forging import age_output
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A pipeline whose first day has two revisions, another one a single."""
    world = new_world()
    world.send(0, *some(2, 16), *some(2, 17))
    world.run()
    world.send(0, *some(1, 16))
    world.run()
    return world


def end_of_life(world: World) -> None:
    """What is left by whoever deletes the tables and the group, and keeps the output topic."""
    shutil.rmtree(world.tables)
    world.delete_group()


def kept_by_reader(world: World) -> dict[tuple[int, str], tuple[int, int]]:
    """Revision and count that a reader ends up with who keeps the highest revision of each partition and date."""
    kept: dict[tuple[int, str], tuple[int, int]] = {}
    for number, records in world.output().items():
        for day, _, _, revision, count in records:
            kept[number, day] = max(kept.get((number, day), (0, 0)), (revision, count))
    return kept


def revisions(world: World, day: str) -> list[int]:
    return [record[3] for record in world.output()[0] if record[0] == day]


@pytest.mark.proves("F145")
def test_revisions_of_a_new_life_are_above_those_of_the_old_one(world: World) -> None:
    end_of_life(world)
    world.send(0, *some(1, 16))
    assert world.run_with_fault("after:averages_commit:raise")
    world.run()
    world.send(0, *some(1, 17), *some(1, 18))
    world.run()
    first, second, third = ("2006-12-16", "2006-12-17", "2006-12-18")
    assert {day: count for (_, day), (_, count) in kept_by_reader(world).items()} == {first: 4, second: 3, third: 1}
    for day in (first, second):
        assert revisions(world, day) == sorted(set(revisions(world, day)))
    found = audited(world)
    assert told(found) == ""
    assert f"{world.pipeline.output_name} holds 3 averages of an earlier life of the pipeline" in found.notes


@pytest.mark.proves("F210")
def test_a_pipeline_that_was_forgotten_begins_anew_above_what_its_readers_keep(world: World) -> None:
    before = max(revisions(world, "2006-12-16"))
    assert {one.kind for one in forget(world.pipeline, world.config, {}).removable} == {"table", "file", "group"}
    assert not Path(world.tables).exists()
    world.send(0, *some(1, 18))
    (done,) = world.run()
    assert done.batch == 1
    assert {day: count for (_, day), (_, count) in kept_by_reader(world).items()} == {
        "2006-12-16": 3,
        "2006-12-17": 2,
        "2006-12-18": 1,
    }
    assert max(revisions(world, "2006-12-16")) > before
    assert told(audited(world)) == ""


@pytest.mark.proves("F145")
@pytest.mark.thorough
def test_revisions_that_retention_took_from_the_topic_are_not_used_again(world: World) -> None:
    before = max(revisions(world, "2006-12-16"))
    age_output(world, 0, -1)
    end_of_life(world)
    world.run()
    assert min(revisions(world, "2006-12-16")) > before


@pytest.mark.proves("F145")
@pytest.mark.thorough
def test_a_new_output_topic_begins_with_the_first_revision(world: World) -> None:
    end_of_life(world)
    world.recreate(world.pipeline.output_name, 3)
    world.run()
    assert revisions(world, "2006-12-16") == [1]


@pytest.mark.proves("F143", "F145")
def test_older_tables_that_come_back_without_the_group_are_no_new_life(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.tables, tmp_path / "older")
    world.send(0, *some(1, 17))
    world.run()
    shutil.rmtree(world.tables)
    shutil.copytree(tmp_path / "older", world.tables)
    world.delete_group()
    with pytest.raises(
        DecisionNeeded, match=r"shows averages of batch 3 .* end at batch 2: .* an older copy was restored"
    ) as stop:
        world.run()
    assert list(map(str, look_ahead(world.pipeline, {}).problems)) == [str(stop.value)]

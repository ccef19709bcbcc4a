"""Declared aggregates end to end: real broker, real Spark, every table and record compared with plain Python.

Pipelines of several aggregates, some of them with members, die wherever a run may die; batches are cut at random.
"""

import random
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.tables import Lake
from spark_jobs.outlook import shapes_ahead
from tests.declared.examples import EXAMPLES
from tests.declared.world import DeclaredWorld, NewDeclared
from tests.faults.cases import case
from tests.faults.points import RUN

pytestmark = pytest.mark.group("DA")

TABLES = {"ads": 4, "bank": 2, "sensors": 1}
"""How many tables of contributions, and of totals, an example has: as often is a point of them passed."""
USUAL = {("ads", "after:contributions_commit", 2), ("ads", "before:averages_merge", 3)}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.proves("F96", "F97")
def test_an_example_counts_every_message_as_plain_python_does(new_declared: NewDeclared, name: str) -> None:
    world = new_declared(name)
    for count in (60, 1, 40):
        world.send(count)
        world.world.run()
    world.assert_all_counted_and_audited()


@pytest.mark.proves("F97")
def test_a_batch_that_is_large_enough_is_read_by_its_shapes_and_a_rerun_by_the_same_ones(
    new_declared: NewDeclared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes_ahead, "LEAST_OFFSETS", 60)
    world = new_declared("ads")
    world.send(60)
    assert world.world.run_with_fault("after:plan_commit:raise")
    planned = CheckpointLog(Lake.of(world.world.pipeline)).progress.unfinished
    assert planned is not None
    assert planned.shapes
    world.send(20)
    world.world.run()
    world.assert_all_counted_and_audited()


def passes(name: str) -> Iterator[tuple[str, int]]:
    """Each point of a run, as often as it is passed once for each table."""
    for point in RUN:
        of_tables = "contributions" in point or "averages" in point
        yield from ((point, nth) for nth in range(1, (TABLES[name] if of_tables else 1) + 1))


def kills() -> Iterator[ParameterSet]:
    for name in TABLES:
        for point, nth in passes(name):
            rows = pytest.mark.proves(*RUN[point])
            marks = [rows] if (name, point, nth) in USUAL else [rows, pytest.mark.thorough]
            yield pytest.param(name, f"{point}:raise:{nth}", marks=marks, id=f"{name}-{point}-{nth}")


def go_on(world: DeclaredWorld) -> None:
    world.send(20)
    world.world.run()
    world.assert_all_counted_and_audited()


@pytest.mark.parametrize(("name", "fault"), list(kills()))
def test_a_kill_at_any_point_of_any_table_loses_and_doubles_nothing(new_declared: NewDeclared, name: str, fault: str) -> None:
    world = new_declared(name)
    world.send(40)
    world.world.run()
    world.send(40)
    assert world.world.run_with_fault(fault), f"{fault} was not passed"
    go_on(world)


@pytest.mark.parametrize("number", [case(number, telling=number == 1) for number in range(1, 101)])
@pytest.mark.proves("K01", "K24")
def test_kills_in_several_runs_lose_and_double_nothing(new_declared: NewDeclared, number: int, chosen: random.Random) -> None:
    name = list(TABLES)[number % 3]
    world = new_declared(name, limits={"max_rejected_fraction": 1.0, "max_records_per_batch": chosen.choice((7, 30, 1000))})
    for _ in range(chosen.randint(2, 4)):
        world.send(chosen.choice((0, 1, 25)))
        point, nth = chosen.choice(list(passes(name)))
        world.world.run_with_fault(f"{point}:raise:{nth}")
    go_on(world)

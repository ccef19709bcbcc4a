"""Declared aggregates end to end: real broker, real Spark, every table and record compared with plain Python.

A pipeline of two aggregates, one of them with members, dies wherever a run may die; batches are cut at random.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from spark_jobs.local.kafka.server import RunningKafka
from tests.declared.examples import EXAMPLES
from tests.declared.world import DeclaredWorld, declared_world
from tests.faults.audited import audited, told
from tests.faults.points import RUN

pytestmark = pytest.mark.group("DA")

NewDeclared = Callable[..., DeclaredWorld]


@pytest.fixture
def new_declared(
    tmp_path: Path, kafka: RunningKafka, request: pytest.FixtureRequest, chosen: random.Random
) -> Iterator[NewDeclared]:
    """`new_declared("ads", **settings)` is a pipeline of an example, with topics and tables of its own."""
    with ExitStack() as worlds:

        def create(name: str, **settings: Any) -> DeclaredWorld:
            spark = lambda: request.getfixturevalue("spark")  # noqa: E731
            return worlds.enter_context(declared_world(name, tmp_path, kafka.bootstrap, spark, chosen, **settings))

        yield create


def assert_counted_and_audited(world: DeclaredWorld) -> None:
    world.assert_all_counted()
    for deep in (False, True):
        assert told(audited(world.world, deep=deep)) == ""


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.proves("F96", "F97")
def test_an_example_counts_every_message_as_plain_python_does(new_declared: NewDeclared, name: str) -> None:
    world = new_declared(name)
    for count in (60, 1, 40):
        world.send(count)
        world.world.run()
    assert_counted_and_audited(world)


def points() -> list[ParameterSet]:
    """Every point of a run, and those that are passed once for each table also in the middle; the usual run takes a few."""
    cases = []
    for point, rows in RUN.items():
        of_tables = "contributions" in point or "averages" in point
        for nth in (1, 2, 3, 4) if of_tables else (1,):
            usual = (point, nth) in {("after:contributions_commit", 2), ("before:averages_merge", 3)}
            marks = [pytest.mark.proves(*rows), *([] if usual else [pytest.mark.thorough])]
            cases.append(pytest.param(point, nth, marks=marks, id=f"{point}-{nth}"))
    return cases


@pytest.mark.parametrize(("point", "nth"), points())
def test_a_kill_at_any_point_of_any_table_loses_and_doubles_nothing(new_declared: NewDeclared, point: str, nth: int) -> None:
    world = new_declared("ads")
    world.send(40)
    world.world.run()
    world.send(40)
    assert world.world.run_with_fault(f"{point}:raise:{nth}"), f"{point} was not passed {nth} times"
    world.send(20)
    world.world.run()
    assert_counted_and_audited(world)

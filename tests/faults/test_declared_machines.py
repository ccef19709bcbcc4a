"""Two machines at once on a pipeline of several aggregates: whoever wins, each total counts every record once."""

import random

import pytest

from tests.declared.world import DeclaredWorld, NewDeclared
from tests.faults.cases import case
from tests.faults.points import RUN
from tests.faults.two_machines import Turns, ending, on_machine, run_interleaved

pytestmark = pytest.mark.group("CC")

HARMLESS = ("finished", "75", "76")
OF_TABLES = [point for point in RUN if "contributions" in point or "averages" in point]
PLACES = [*((point, 1) for point in RUN), *((point, nth) for point in OF_TABLES for nth in (2, 3, 4))]


@pytest.fixture
def world(new_declared: NewDeclared) -> DeclaredWorld:
    world = new_declared("ads")
    world.send(40)
    return world


@pytest.mark.proves("F29", "F30", "F65", "C4")
@pytest.mark.parametrize(("point", "nth"), [case(*place, telling=place == ("before:averages_merge", 2)) for place in PLACES])
def test_a_run_that_sleeps_while_another_machine_goes_on_changes_nothing(world: DeclaredWorld, point: str, nth: int) -> None:
    newer: list[str] = []

    def on_b() -> None:
        newer.append(ending(lambda: world.world.run(overrides=on_machine(world.world, "b"))))
        world.send(30)
        newer.append(ending(lambda: world.world.run(overrides=on_machine(world.world, "b"))))

    left = [nth]

    def happening(passed: str) -> None:
        if passed == point and left:
            left[0] -= 1
            if not left[0]:
                left.clear()
                on_b()

    how = ending(lambda: world.world.run_while(happening))
    assert how.startswith(HARMLESS), how
    assert newer == ["finished", "finished"], "the newer run is never the one that has to give way"
    world.world.run()
    world.assert_all_counted_and_audited()


@pytest.mark.proves("F29", "F30", "F65", "F66", "C4")
@pytest.mark.parametrize("number", [case(number, telling=False) for number in range(1, 41)])
def test_two_machines_in_any_order_of_their_steps_count_each_record_once(
    world: DeclaredWorld, number: int, chosen: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b"]
    ends = run_interleaved(world.world, Turns(chosen, names), names, monkeypatch)
    assert all(how.startswith(HARMLESS) for how in ends), f"{number}: {ends}"
    world.send(10)
    world.world.run()
    world.assert_all_counted_and_audited()

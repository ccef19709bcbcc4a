"""An aggregate that was declared later, and what was stored before: counted once, wherever the rebuild dies."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from _pytest.mark import ParameterSet

from spark_jobs.base.errors import ConfigurationError, DecisionNeeded
from spark_jobs.maintenance.maintain import maintain
from spark_jobs.pipeline.settings import load_pipeline
from tests import oracle as plain
from tests.declared.examples import EXAMPLES
from tests.declared.world import DeclaredWorld, NewDeclared
from tests.faults.audited import differences
from tests.faults.points import RUN

pytestmark = pytest.mark.group("DA")

DAILY = "daily"


@pytest.fixture
def declared_later(new_declared: NewDeclared) -> DeclaredWorld:
    """Two batches of the hourly totals alone; the daily ones are declared, and count from the third on."""
    hourly = {"hourly": EXAMPLES["ads"].settings["aggregates"]["hourly"]}
    world = new_declared("ads", aggregates=hourly)
    for count in (40, 20):
        world.send(count)
        world.world.run()
    world.declare(since=3)
    return world


def test_a_new_aggregate_counts_from_its_first_batch_and_what_was_stored_before_once_it_is_rebuilt(
    declared_later: DeclaredWorld,
) -> None:
    world = declared_later
    world.send(30)
    world.world.run()
    world.assert_all_counted_and_audited()
    (done,) = world.world.run(rebuild=DAILY)
    assert (done.batch, sum(one.read for one in done.counts), done.groups["hourly"]) == (4, 0, 0)
    world.rebuilt(DAILY, 4)
    world.assert_all_counted_and_audited()
    assert world.world.run(rebuild=DAILY) == []
    world.send(10)
    world.world.run()
    world.assert_all_counted_and_audited()


def test_an_aggregate_may_be_rebuilt_before_it_has_counted_anything(declared_later: DeclaredWorld) -> None:
    world = declared_later
    world.send(10)
    world.world.run(rebuild=DAILY)
    world.rebuilt(DAILY, 3)
    world.world.run()
    world.assert_all_counted_and_audited()


def test_what_cannot_be_rebuilt_is_said_and_nothing_is_planned(declared_later: DeclaredWorld) -> None:
    world = declared_later.world
    with pytest.raises(ConfigurationError, match="declares no aggregate weekly; it declares hourly, daily"):
        world.run(rebuild="weekly")
    with pytest.raises(DecisionNeeded, match="daily cannot be rebuilt: it needs more, which the records of batch 1 were"):
        world.run(
            rebuild=DAILY,
            adopt_definition=True,
            overrides=["input.derived.more={sql: cost * 2, type: 'decimal(12,6)'}", f"{MEASURES}.more={{sum: more}}"],
        )
    assert max(plain.stored_batches(world.tables)) == 2


MEASURES = f"aggregates.{DAILY}.measures"


def points() -> Iterator[ParameterSet]:
    """Every point that a rebuild passes behind its plan, and the last before."""
    for point, rows in list(RUN.items())[list(RUN).index("after:ends_resolved") + 1 :]:
        if point == "before:records_footers":
            continue
        usual = point in ("after:plan_commit", "after:contributions_commit")
        yield pytest.param(point, marks=[pytest.mark.proves(*rows), *([] if usual else [pytest.mark.thorough])])


@pytest.mark.parametrize("next_run", ["the next run", "the same command"])
@pytest.mark.parametrize("point", list(points()))
def test_a_rebuild_that_dies_anywhere_is_done_once(declared_later: DeclaredWorld, point: str, next_run: str) -> None:
    world = declared_later
    world.send(20)
    world.world.run()
    assert world.world.run_with_fault(f"{point}:raise", rebuild=DAILY)
    world.send(20)
    world.world.run(rebuild=DAILY if next_run == "the same command" else None)
    world.world.run(rebuild=DAILY)
    world.world.run()
    rebuilt = 5 if point == "before:plan_commit" and next_run == "the next run" else 4
    world.rebuilt(DAILY, rebuilt)
    world.assert_all_counted_and_audited()


@pytest.mark.thorough
def test_a_rebuild_may_be_abandoned_before_it_counts(declared_later: DeclaredWorld) -> None:
    world = declared_later
    assert world.world.run_with_fault("before:contributions_commit:raise", rebuild=DAILY)
    world.send(20)
    world.world.run(abandon=True)
    world.assert_all_counted_and_audited()


def test_a_rebuild_may_come_right_after_new_partitions(declared_later: DeclaredWorld) -> None:
    world = declared_later
    world.world.add_partitions(5)
    (rebuilt,) = world.world.run(rebuild=DAILY)
    world.send(40)
    (done,) = world.world.run()
    assert [len(one.ranges) for one in (rebuilt, done)] == [3, 5]
    assert sum(one.read for one in done.counts) == 40
    assert differences(world.world) == ["", ""]


def test_no_record_that_an_unfinished_rebuild_needs_is_pruned(declared_later: DeclaredWorld) -> None:
    world, much_later = declared_later, datetime.now(UTC) + timedelta(days=9)
    pipeline = load_pipeline(world.world.config, overrides=["maintenance.keep_records_days=1"])
    assert world.world.run_with_fault("after:plan_commit:raise", rebuild=DAILY)
    assert maintain(pipeline, now=much_later).pruned is None
    world.send(10)
    world.world.run()
    world.rebuilt(DAILY, 3)
    world.assert_all_counted_and_audited()
    pruned = maintain(pipeline, now=much_later).pruned
    assert pruned is not None
    assert pruned.batch == 3
    assert differences(world.world) == ["", ""]
    world.send(10)
    world.world.run()
    assert differences(world.world) == ["", ""]

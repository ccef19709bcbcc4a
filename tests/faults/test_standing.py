"""Where an unfinished batch stands, on real tables: what is said of it is what the next run does, and `plan` and `run` agree."""

import logging
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake import tables
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.standing import stand
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.progress.standing import Contradiction, Standing, Step, next_step
from tests.conftest import NewWorld
from tests.daily_tables import CONTRIBUTIONS, SCHEMAS
from tests.faults.batches import some
from tests.stored import lake_of
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.proves("F216")]

KILLED = [
    pytest.param("on", "after:plan_commit", Step.READ, marks=pytest.mark.thorough),
    pytest.param("on", "after:records_commit", Step.ADD_UP, marks=pytest.mark.thorough),
    pytest.param("on", "after:contributions_commit", Step.MERGE),
    pytest.param("on", "after:averages_commit", Step.PUBLISH, marks=pytest.mark.thorough),
    pytest.param("off", "after:plan_commit", Step.READ, marks=pytest.mark.thorough),
    pytest.param("off", "after:counted_commit", Step.READ, marks=pytest.mark.thorough),
    pytest.param("off", "after:contributions_commit", Step.MERGE, marks=pytest.mark.thorough),
    pytest.param("off", "after:averages_commit", Step.PUBLISH, marks=pytest.mark.thorough),
]


def standing(world: World) -> Standing:
    progress = CheckpointLog(lake_of(world.pipeline)).progress
    assert progress.unfinished is not None
    return stand(lake_of(world.pipeline), progress.unfinished, progress.counted)


def killed(new_world: NewWorld, records: str, point: str, *values: bytes | None, **settings: Any) -> World:
    """A world with a finished batch, and one that died at the point."""
    world = new_world(records=records, **settings)
    world.send(0, *some(3))
    world.run()
    world.send(0, *values)
    assert world.run_with_fault(f"{point}:raise")
    return world


@pytest.mark.parametrize(("records", "point", "step"), KILLED)
def test_a_run_begins_with_the_step_that_is_said(
    new_world: NewWorld, caplog: pytest.LogCaptureFixture, records: str, point: str, step: Step
) -> None:
    world = killed(new_world, records, point, *some(4, 17))
    assert next_step(standing(world)) is step
    assert look_ahead(world.pipeline, {}).problems == ()
    with caplog.at_level(logging.INFO, "dayfold"):
        world.run()
    (line,) = [one for one in caplog.messages if one.startswith("resume")]
    assert line.endswith(f"; this run {step.value}")
    world.assert_all_counted()


@pytest.mark.parametrize("records", ["on", pytest.param("off", marks=pytest.mark.thorough)])
def test_a_batch_of_rejected_records_alone_is_to_be_published(new_world: NewWorld, records: str) -> None:
    point = "after:records_commit" if records == "on" else "after:counted_commit"
    world = killed(new_world, records, point, b"no JSON", None, limits={"max_rejected_fraction": 1.0})
    assert next_step(standing(world)) is Step.PUBLISH
    assert look_ahead(world.pipeline, {}).problems == ()
    world.run()
    world.assert_all_counted()


def close(world: World, rows: pa.Table | None = None) -> None:
    """As an abandonment that died begins, or, with rows, as somebody's append does."""
    lake = lake_of(world.pipeline)
    table, app = lake.open(CONTRIBUTIONS), lake.app(CONTRIBUTIONS)
    if rows is None:
        tables.add_files(table, [], app=app, version=2)
    else:
        tables.append_once(table, rows, app=app, version=2)


@pytest.mark.parametrize("records", ["on", pytest.param("off", marks=pytest.mark.thorough)])
def test_a_log_that_knows_a_batch_without_a_row_of_it_is_said_by_plan_and_run_and_the_batch_can_be_abandoned(
    new_world: NewWorld, records: str
) -> None:
    point = "after:records_commit" if records == "on" else "after:counted_commit"
    world = killed(new_world, records, point, *some(4, 17))
    close(world)
    assert next_step(standing(world)) is Contradiction.ROWS_GONE
    assert "Nothing of it was averaged; run again with --abandon" in refusal(world)
    world.run(abandon=True)
    world.assert_all_counted()


def test_rows_of_a_batch_without_a_reading_are_said_by_plan_and_run(new_world: NewWorld) -> None:
    world = killed(new_world, "on", "after:records_commit", b"no JSON", limits={"max_rejected_fraction": 1.0})
    rows = read_rows(lake_of(world.pipeline).open(CONTRIBUTIONS), where=[("batch", "=", 1)])
    place = rows.column_names.index("batch")
    forged = rows.set_column(place, SCHEMAS[CONTRIBUTIONS].field("batch"), pa.array([2] * len(rows), rows["batch"].type))
    assert DAILY_AVERAGE.count.column in forged.column_names
    close(world, forged)
    assert next_step(standing(world)) is Contradiction.ROWS_OF_NOTHING
    assert "RESTORE TABLE" in refusal(world)


def refusal(world: World) -> str:
    """What `plan` and `run` both say, before the run does anything."""
    (problem,) = look_ahead(world.pipeline, {}).problems
    with pytest.raises(TableDamaged) as caught:
        world.run()
    assert str(caught.value) == str(problem)
    return str(problem)

"""Batches that were rejected for the most part: nothing is averaged, and the way on is to accept them or to read them anew."""

import logging
import re

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import DecisionNeeded, TableDamaged, TooManyRejected, UsageError
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import load_pipeline
from tests import oracle
from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.points import ABANDON
from tests.world import World, reading

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F80", "F82", "F198", "F199", "F213")
def test_too_many_rejected_stop_the_run_before_anything_is_averaged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(0, *some(3), b"junk", None, b"junk")
    world.send(1, reading("31/02/2006 00:00:00", "1"))
    strict = ["limits.max_rejected_fraction=0.5"]
    with pytest.raises(TooManyRejected) as caught:
        world.run(overrides=strict)
    text = str(caught.value)
    assert "batch 1: 4 of 7 records were rejected (57.14%, allowed 50.00%)" in text
    assert "2 x NOT_JSON, for example partition 0 offset 3" in text
    assert "1 x TOMBSTONE, for example partition 0 offset 4" in text
    assert "1 x BAD_TIME, for example partition 1 offset 0" in text
    assert DeltaTable(f"{world.tables}/contributions").to_pyarrow_dataset().count_rows() == 0
    assert list(map(str, look_ahead(load_pipeline(world.config, overrides=strict), {}).problems)) == [text]
    assert look_ahead(world.pipeline, {}).problems == ()
    with pytest.raises(TooManyRejected):
        world.run(overrides=strict)
    caplog.set_level(logging.INFO, logger="dayfold")
    (done,) = world.run(overrides=["limits.max_rejected_fraction=1"])
    world.assert_all_counted()
    why = "NOT_JSON 2, BAD_TIME 1, TOMBSTONE 1"
    assert done.rejected == {"NOT_JSON": 2, "BAD_TIME": 1, "TOMBSTONE": 1}
    assert re.search(
        r"resume   batch 1 \(7 offsets\), planned 20\d\d-.* UTC by run run \d+ of \S+@\S+; this run adds up its records",
        caplog.text,
    )
    assert f"finished 1 batch, up to batch 1: 7 records read, 4 rejected ({why}), 0 gaps" in caplog.text
    assert "; resumed batch 1 (7 offsets), planned 20" in caplog.text
    (warning,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING" and "rejected" in one.getMessage()]
    assert warning == f"4 of 7 records were rejected: {why}; dayfold rejected CONFIG shows each"


@pytest.mark.proves("F88")
def test_a_batch_with_wrong_settings_is_abandoned_and_read_again_with_the_right_ones(world: World) -> None:
    world.send(0, *some(3))
    wrong = ["limits.max_rejected_fraction=0", "input.time.format=yyyy-MM-dd HH:mm:ss"]
    with pytest.raises(TooManyRejected):
        world.run(overrides=wrong)
    (done,) = world.run(overrides=["limits.max_rejected_fraction=0"], abandon=True)
    assert (done.batch, done.counts[0].accepted) == (2, 3)
    assert states(world) == ["PLANNED", "ABANDONED", "PLANNED", "DONE"]
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}


@pytest.mark.proves("F174", "F175", "F176", "F179")
def test_what_the_messages_hold_names_the_right_time_settings(world: World) -> None:
    """The list that is right then is part of the plan, by which a run that died is finished."""
    world.day_of = oracle.seconds_or_iso
    world.send(0, b'{"datetime": 1166892720, "voltage": 1}', b'{"datetime": 1.16691839999999999E9, "voltage": 2}')
    world.send(1, b'{"datetime": "2006-12-24T00:30+01", "voltage": 3}', b'{"time": {"at": "2006-12-24T00:30Z"}, "voltage": 4}')
    limit = "limits.max_rejected_fraction=0.25"
    with pytest.raises(TooManyRejected) as caught:
        world.run(overrides=[limit, "input.time.format=epoch_millis"])
    text = str(caught.value)
    assert "    1166892720 is 2006-12-23 16:52:00 UTC as epoch_seconds: is input.time.format epoch_seconds?\n" in text
    assert "    no field 'datetime'; there are 'time.at', 'voltage'\n" in text
    right = [limit, "input.time.format=[epoch_seconds, iso8601]"]
    assert world.run_with_fault("after:plan_commit:raise", overrides=right, abandon=True)
    (done,) = world.run(overrides=right)
    assert [one.accepted for one in done.counts] == [2, 1, 0]
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F80")
@pytest.mark.parametrize("point", ABANDON)
def test_a_kill_while_a_batch_is_abandoned_is_mended_by_asking_again(world: World, point: str) -> None:
    world.send(0, *some(3), b"junk")
    strict = ["limits.max_rejected_fraction=0"]
    with pytest.raises(TooManyRejected):
        world.run(overrides=strict)
    assert world.run_with_fault(f"{point}:raise", abandon=True)
    with pytest.raises(TableDamaged, match=r"about to be abandoned.*--abandon"):
        world.run()
    world.run(abandon=True)
    assert {record[-1] for record in oracle.found_records(world.tables)} == {2}


@pytest.mark.thorough
@pytest.mark.proves("K13")
def test_a_batch_that_was_averaged_cannot_be_abandoned(world: World) -> None:
    world.send(0, *some(3))
    world.run_with_fault("after:contributions_commit:raise")
    with pytest.raises(DecisionNeeded, match="has been averaged already"):
        world.run(abandon=True)
    world.run()
    world.assert_all_counted()
    with pytest.raises(UsageError, match="no unfinished batch"):
        world.run(abandon=True)

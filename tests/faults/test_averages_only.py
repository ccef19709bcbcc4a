"""Pipelines that keep no records: averaged straight from Kafka, killed wherever they can be,
and counted exactly once all the same.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from _pytest.mark import ParameterSet
from deltalake import DeltaTable, write_deltalake

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import DecisionNeeded, OffsetsLost, Superseded, TableDamaged, TooManyRejected, TryAgain
from spark_jobs.broker.cluster import connect
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.outlook.planning import preview_run
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.ledger import counted_row
from spark_jobs.readings.messages import read_messages
from spark_jobs.run.spark_engine import Reader
from tests import oracle
from tests.conftest import NewWorld
from tests.daily_tables import SCHEMAS
from tests.faults.audited import audited, told
from tests.faults.batches import SHAPES, send_rejected, send_tiny, some
from tests.faults.maintained import maintain_in_a_year
from tests.faults.points import AFTER_THE_PLAN, AVERAGES_ONLY, ONLY_WITH_READINGS, RUN
from tests.faults.tampering import tampered, update
from tests.faults.two_machines import ending, on_machine
from tests.stored import lake_of
from tests.submitted import KILLED
from tests.world import World

pytestmark = pytest.mark.group("CR")

thorough = pytest.mark.thorough

IN_THE_USUAL_RUN = ("after:records_commit", "after:counted_commit", "after:contributions_commit")
"""Each leaves something else behind; after the last one a batch is finished as any other is."""


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world(records=False)


def assert_averaged_only(world: World) -> None:
    world.assert_all_counted()
    assert oracle.averaged_only(world.tables) == set(oracle.stored_batches(world.tables))
    assert told(audited(world, deep=True)) == ""


def is_passed(point: str, shape: str) -> bool:
    """Nothing is averaged where nothing is read, and only what is rejected is written into files."""
    if point == "before:records_footers":
        return shape == "rejected"
    return shape != "empty" or point not in ONLY_WITH_READINGS


def points() -> list[ParameterSet]:
    cases: list[ParameterSet] = []
    for place, (point, rows) in enumerate({**RUN, **AVERAGES_ONLY}.items()):
        for number, shape in enumerate(SHAPES):
            if not is_passed(point, shape):
                continue
            usual = point in IN_THE_USUAL_RUN and number == place % 2
            marks = [pytest.mark.proves(*rows), *([] if usual else [pytest.mark.thorough])]
            cases.append(pytest.param(point, shape, marks=marks, id=f"{point}-{shape}"))
    return cases


@pytest.mark.parametrize(("point", "shape"), points())
def test_a_kill_at_any_point_loses_and_doubles_nothing(world: World, point: str, shape: str, chosen: random.Random) -> None:
    SHAPES[shape](world, chosen)
    assert world.run_with_fault(f"{point}:raise"), f"{point} was never passed"
    SHAPES[chosen.choice(list(SHAPES))](world, chosen)
    world.run()
    assert_averaged_only(world)


@pytest.mark.proves("K28")
def test_a_kill_after_the_counts_of_a_batch_of_gaps_alone_leaves_only_its_end_to_write(
    world: World, chosen: random.Random
) -> None:
    SHAPES["empty"](world, chosen)
    assert world.run_with_fault("after:counted_commit:raise")
    (done,) = world.run()
    assert done.published == 0
    assert_averaged_only(world)


@thorough
def test_a_run_killed_again_and_again_at_later_and_later_points_comes_through(world: World, chosen: random.Random) -> None:
    send_rejected(world, chosen)
    world.run()
    send_rejected(world, chosen)
    counted = AFTER_THE_PLAN.index("before:contributions_commit")
    for point in [*AFTER_THE_PLAN[:counted], *AVERAGES_ONLY, *AFTER_THE_PLAN[counted:]]:
        assert world.run_with_fault(f"{point}:raise"), point
        assert told(audited(world, deep=True)) == "", point
    world.run()
    assert_averaged_only(world)


@pytest.mark.parametrize("before", [True, False], ids=["planned with records", "planned without"])
@pytest.mark.parametrize("point", [pytest.param("after:plan_commit", marks=thorough), "after:records_commit"])
@pytest.mark.proves("K07", "K27")
def test_a_batch_stays_as_it_was_planned_whatever_the_setting_is_by_now(
    world: World, point: str, before: bool, chosen: random.Random
) -> None:
    send_rejected(world, chosen)
    assert world.run_with_fault(f"{point}:raise", overrides=[f"records={before}"])
    (done,) = world.run(overrides=[f"records={not before}"])
    assert done.keeps_records == before
    world.assert_all_counted()


@pytest.mark.thorough
def test_the_setting_may_change_between_batches_and_old_records_are_pruned_all_the_same(
    world: World, chosen: random.Random
) -> None:
    for records in ("on", "off", "off", "on"):
        send_rejected(world, chosen)
        world.run(overrides=[f"records={records}"])
    world.assert_all_counted()
    assert oracle.averaged_only(world.tables) == {2, 3}
    found = audited(world, deep=True)
    assert told(found) == ""
    assert any(note.startswith("averages-only batches (2, the last is batch 3) keep no accepted records") for note in found.notes)
    maintain_in_a_year(world)
    assert world.pruned == 3
    world.assert_all_counted()
    assert told(audited(world, deep=True)) == ""
    world.run()


@pytest.mark.thorough
@pytest.mark.proves("F01", "F05")
def test_gaps_are_told_by_what_explains_them(world: World) -> None:
    """Before the first record, between records and after the last one."""
    world.send_in_transaction(0, *some(3), commit=False)
    world.send(0, *some(2))
    world.send_in_transaction(0, *some(2), commit=True)
    world.send(0, *some(1))
    world.send_in_transaction(0, *some(1), commit=False)
    world.send_in_transaction(1, *some(2), commit=False)
    (done,) = world.run()
    assert {one.partition: (one.read, one.gaps) for one in done.counts} == {0: (5, 7), 1: (0, 3), 2: (0, 0)}
    assert done.gaps == {"0": "4 aborted, 3 markers", "1": "2 aborted, 1 markers"}
    assert_averaged_only(world)


@pytest.mark.parametrize(
    "lost", [pytest.param(0, marks=thorough), 2, pytest.param(4, marks=thorough)], ids=["first", "middle", "last"]
)
@pytest.mark.proves("F49")
def test_a_record_that_spark_was_not_shown_stops_the_run_before_anything_is_averaged(world: World, lost: int) -> None:
    world.send(0, *some(5))
    with pytest.raises(TryAgain, match=f"no record at offset {lost} of partition 0, which other readers see"):
        world.run(read=shown_only(f"offset <> {lost}"))
    assert oracle.rows(f"{world.tables}/contributions") == []
    world.run()
    assert_averaged_only(world)


def shown_only(where: str) -> Reader:
    """A faulty reader that shows Spark only some of the messages."""
    return lambda *asked: read_messages(*asked).where(where)


@pytest.mark.thorough
@pytest.mark.proves("F79")
def test_records_that_spark_was_shown_twice_stop_the_run(world: World) -> None:
    world.send(0, *some(5))
    with pytest.raises(TryAgain, match="6 records at offsets 0 to 4 of partition 0, not all in its range"):
        world.run(read=lambda *asked: read_messages(*asked).union(read_messages(*asked).limit(1)))
    world.run()
    assert_averaged_only(world)


@pytest.mark.thorough
@pytest.mark.proves("K28")
def test_a_topic_that_shows_less_after_the_counts_were_stored_needs_a_decision(world: World) -> None:
    world.send(0, *some(5))
    assert world.run_with_fault("after:counted_commit:raise")
    with pytest.raises(DecisionNeeded, match=r"shows 4 records of partition 0 .*but 5 .* were counted.*--abandon"):
        world.run(read=shown_only("offset <> 2"))
    (done,) = world.run(abandon=True)
    assert done.batch == 2
    assert_averaged_only(world)


@pytest.mark.thorough
@pytest.mark.parametrize("point", ["after:records_commit", "after:counted_commit"])
@pytest.mark.proves("F10", "K27", "K28")
def test_retention_that_takes_the_batch_before_it_is_averaged_is_a_loss_to_decide_on(world: World, point: str) -> None:
    world.send(0, *some(3), b"junk")
    assert world.run_with_fault(f"{point}:raise")
    world.delete_records(0, 2)
    world.send(0, *some(1))
    assert [type(one) for one in problems(world)] == [OffsetsLost]
    with pytest.raises(OffsetsLost, match=r"(?s)batch 1 was to read 0 to 3.*--abandon --accept-loss"):
        world.run()
    (done,) = world.run(abandon=True, accept_loss=True)
    assert (done.batch, done.counts[0].read, done.counts[0].rejected) == (2, 3, 1)
    assert told(audited(world, deep=True)) == ""


@pytest.mark.proves("K13")
def test_once_it_is_averaged_a_batch_needs_kafka_no_more(world: World) -> None:
    world.send(0, *some(3), b"junk")
    assert world.run_with_fault("after:contributions_commit:raise")
    world.delete_records(0, 4)
    assert problems(world) == ()
    world.run()
    assert_averaged_only(world)


def problems(world: World) -> tuple[DecisionNeeded, ...]:
    """What `dayfold plan` and `dayfold status` would tell."""
    progress = CheckpointLog(lake_of(world.pipeline)).progress
    with connect(load_kafka_settings(world.pipeline.kafka, {})) as broker:
        return preview_run(broker, world.pipeline, progress).problems


@pytest.mark.thorough
@pytest.mark.proves("F80")
def test_too_many_rejected_stop_the_run_with_their_reasons(world: World) -> None:
    world.send(0, *some(1), b"junk", None, b"junk")
    strict = ["limits.max_rejected_fraction=0.5"]
    for _ in range(2):
        with pytest.raises(TooManyRejected, match="2 x NOT_JSON, for example partition 0 offset 1"):
            world.run(overrides=strict)
    assert oracle.rows(f"{world.tables}/contributions") == []
    world.run()
    assert_averaged_only(world)


@pytest.mark.thorough
@pytest.mark.parametrize("point", ["before:abandon_delete", "after:abandon_delete"])
@pytest.mark.parametrize("killed", ["after:plan_commit", "after:records_commit", "after:counted_commit"])
@pytest.mark.proves("F80", "F88")
def test_a_kill_while_a_batch_is_abandoned_counts_nothing_of_it(world: World, killed: str, point: str) -> None:
    world.send(0, *some(2), b"junk")
    world.send(1, *some(1))
    assert world.run_with_fault(f"{killed}:raise")
    assert world.run_with_fault(f"{point}:raise", abandon=True)
    with suppress(TableDamaged):
        world.run()
        pytest.fail("a batch that was being abandoned was finished")
    (done,) = world.run(abandon=True)
    assert done.batch == 2
    assert_averaged_only(world)


TAMPERED: dict[str, tuple[str, Callable[[str], object]]] = {
    "a rejected row deleted": ("after:counted_commit", lambda tables: DeltaTable(f"{tables}/records").delete("offset = 1")),
    "contributions restored": ("after:averages_commit", lambda tables: DeltaTable(f"{tables}/contributions").restore(0)),
    "a contribution deleted": (
        "after:contributions_commit",
        lambda tables: DeltaTable(f"{tables}/contributions").delete("partition = 1"),
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.proves("F57", "C7")
def test_a_table_that_lost_rows_of_the_unfinished_batch_stops_the_run(world: World, what: str) -> None:
    world.send(0, *some(2)[:1], b"junk")
    world.send(1, *some(1))
    point, tamper = TAMPERED[what]
    assert world.run_with_fault(f"{point}:raise")
    tamper(world.tables)
    with pytest.raises(TableDamaged):
        world.run()
    assert world.visible_batches() == set()


def test_a_rejected_row_that_is_gone_from_the_last_batch_is_noticed_at_the_next_start_and_by_the_audit(world: World) -> None:
    world.send(0, *some(2), b"junk")
    world.run()
    DeltaTable(f"{world.tables}/records").delete("offset = 2")
    assert "table records: batch 1, partition 0 holds 0 records" in told(audited(world))
    with pytest.raises(TableDamaged, match="it holds 0 records"):
        world.run()


def test_the_audit_counts_what_the_topic_still_shows(world: World) -> None:
    """A rejected record is in no place but the topic."""
    world.send(0, *some(3), b"junk")
    world.run()
    forge(world, lambda counts: {**counts, "read": 3, "rejected": 0, "gaps": 1})
    DeltaTable(f"{world.tables}/records").delete("offset = 3")
    assert told(audited(world)) == ""
    assert "shows 4 records, 3 were counted" in told(audited(world, deep=True))


def test_the_audit_misses_what_the_topic_does_not_show(world: World) -> None:
    """A gap that was stored as a rejected record, everywhere the same; also where an earlier batch was pruned."""
    world.send_in_transaction(0, *some(3), commit=True)
    world.run()
    forge(world, lambda counts: {**counts, "read": 4, "rejected": 1, "gaps": 0})
    row = {"partition": 0, "offset": 3, "batch": 1, "rejected_because": "EMPTY"}
    write_deltalake(f"{world.tables}/records", pa.Table.from_pylist([row], schema=SCHEMAS[RECORDS]), mode="append")
    assert told(audited(world)) == ""
    assert "shows 3 records, 4 were counted" in told(audited(world, deep=True))


@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
def test_a_contribution_that_contradicts_averages_and_output_is_the_wrong_one_whatever_is_kept(
    world: World, tmp_path: Path, deep: bool
) -> None:
    world.send(0, *some(3))
    world.run(overrides=["records=on"])
    world.send(0, *some(2))
    world.run()
    moved = tampered(world, tmp_path, update("contributions", "batch = 2", date="'2007-01-01'"))
    wrong = {one.where for one in audited(world, moved, deep=deep).differences}
    assert wrong == {"table contributions"}


def test_what_nothing_can_tell_is_told_to_be_brought_back_together(world: World, tmp_path: Path) -> None:
    world.send(0, *some(3))
    world.run()
    changed = tampered(world, tmp_path, update("daily_averages", "true", value_max="value_max + 1"))
    assert "Audit with --deep" in told(audited(world, changed))
    assert "bring both back from a backup" in told(audited(world, changed, deep=True))


def forge(world: World, change: Callable[[dict[str, int]], dict[str, int]]) -> None:
    """Rewrite the counts of partition 0 in the checkpoints."""
    table = DeltaTable(f"{world.tables}/checkpoints")
    found = table.to_pyarrow_dataset().to_table(use_threads=False)
    rows = [
        {**row, "counts": [change(one) if one["partition"] == 0 else one for one in row["counts"]]} for row in found.to_pylist()
    ]
    write_deltalake(table, pa.Table.from_pylist(rows, schema=found.schema), mode="overwrite")


@pytest.mark.proves("F29", "F30", "K28")
def test_a_fenced_run_that_wakes_up_and_counts_first_stops_nobody_who_counts_the_same(world: World) -> None:
    world.send(0, *some(3), b"junk")
    counts = (Counts(0, 4, 3, 1, 0), Counts(1, 0, 0, 0, 0), Counts(2, 0, 0, 0, 0))
    world.run_disturbed("before:counted_commit", lambda: count_first(world, counts))
    assert_averaged_only(world)


@pytest.mark.proves("F29", "F30", "K28")
def test_a_run_that_counts_otherwise_than_another_one_stops(world: World) -> None:
    world.send(0, *some(3), b"junk")
    counts = (Counts(0, 3, 3, 0, 1), Counts(1, 0, 0, 0, 0), Counts(2, 0, 0, 0, 0))
    with pytest.raises(Superseded):
        world.run_disturbed("before:counted_commit", lambda: count_first(world, counts))


def count_first(world: World, counts: tuple[Counts, ...]) -> None:
    """What a run of another machine does that froze in front of this and has been fenced since."""
    log = CheckpointLog(lake_of(world.pipeline))
    plan = log.progress.unfinished
    assert plan is not None
    log.append(counted_row(plan, Tally(counts, 0, {}), "frozen", datetime.now(UTC)))


@pytest.mark.thorough
@pytest.mark.parametrize("point", ["before:records_commit", "before:counted_commit", "before:contributions_commit"])
@pytest.mark.proves("F29", "F30")
def test_a_run_of_another_machine_that_was_overtaken_changes_nothing(world: World, point: str, chosen: random.Random) -> None:
    send_rejected(world, chosen)

    def other() -> None:
        world.run(overrides=on_machine(world, "b"))
        send_tiny(world, chosen)
        world.run(overrides=on_machine(world, "b"))

    told_to_stop = ending(lambda: world.run_disturbed(point, other))
    assert told_to_stop.startswith(("75", "76")), told_to_stop
    world.run()
    assert_averaged_only(world)


@pytest.mark.proves("K08", "K28")
@thorough
@pytest.mark.parametrize("point", ["before:counted_commit", "after:counted_commit"])
def test_kill_9_of_the_process_group(world: World, point: str, chosen: random.Random) -> None:
    send_rejected(world, chosen)
    code, output = world.submit(fault=f"{point}:killgroup").finish()
    assert code in KILLED, output
    code, output = world.submit().finish()
    assert code == 0, output
    assert_averaged_only(world)

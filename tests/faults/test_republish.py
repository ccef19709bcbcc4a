"""Averages that are published again: what they were, once more and marked, whatever dies; and nothing else moves by it."""

import json
from datetime import date
from typing import Any

import pytest
from confluent_kafka import Message

from spark_jobs.base import faults
from spark_jobs.base.errors import DayfoldError, DecisionNeeded, PipelineBusy, Superseded
from spark_jobs.base.lock import hold_lock
from spark_jobs.broker.publisher import REPUBLISHED
from spark_jobs.commands import deciding
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.local.kafka.server import create_topics
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.progress.ledger import Done, Republished
from spark_jobs.run.republish import Republication, republish
from tests.conftest import NewWorld
from tests.faults import points
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.checkpoint_rows import states
from tests.faults.output_records import publish, visible
from tests.invariants import check_progress
from tests.oracle import decided, found_averages, group_offsets, stored_batches
from tests.stored import lake_of
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

TRANSACTION = [
    *list(points.RUN)[list(points.RUN).index("after:begin_transaction") : list(points.RUN).index("after:send_offsets")]
]
POINTS = (*points.REPUBLISH, *TRANSACTION, "before:commit_transaction", "after:commit_transaction")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """Two batches; the second changes a day of the first."""
    world = new_world()
    world.send(0, *some(2), *some(2, 17))
    world.send(1, *some(3))
    world.run()
    world.send(0, *some(1, 17))
    world.run()
    return world


def headers_of(message: Message) -> dict[str, bytes]:
    found = dict(message.headers() or [])
    return {name: value for name, value in found.items() if isinstance(value, bytes)}


def content(message: Message) -> tuple[Any, ...]:
    headers = {name: value for name, value in headers_of(message).items() if name != REPUBLISHED}
    return message.partition(), message.key(), message.value(), tuple(sorted(headers.items()))


def split(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """What batches published, and what was published again."""
    marked = [REPUBLISHED in headers_of(one) for one in messages]
    return [one for one, again in zip(messages, marked, strict=True) if not again], [
        one for one, again in zip(messages, marked, strict=True) if again
    ]


def newest(messages: list[Message]) -> set[tuple[Any, ...]]:
    """The last record of each partition and key."""
    return set({(one.partition(), one.key()): content(one) for one in messages}.values())


def rows(world: World) -> list[Republished]:
    return [row for row in CheckpointLog(lake_of(world.pipeline)).rows if isinstance(row, Republished)]


def assert_nothing_moved(world: World) -> None:
    group = group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, world.partitions)
    check_progress(group, stored_batches(world.tables), decided(world.tables))


@pytest.mark.proves("F166")
def test_current_averages_go_out_again_with_their_revisions_marked_and_written_down(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    deciding.republish_command(world.config, days="2006-12-17..2006-12-17", run_id="again", as_json=True)
    report = json.loads(capfd.readouterr().out)
    made = republish(world.pipeline, "all of them")
    first, again = split(visible(world))
    assert [one.key() for one in again].count(b"2006-12-17") == 2
    assert {content(one) for one in again} == newest(first)
    times = [headers_of(one)[REPUBLISHED].decode() for one in again]
    assert [(row.batch, row.count, row.days, row.run_id) for row in rows(world)] == [
        (2, 1, (date(2006, 12, 17), date(2006, 12, 17)), "again"),
        (2, 3, None, "all of them"),
    ]
    assert {row.mark for row in rows(world)} == set(times)
    assert report == {**report, "count": 1, REPUBLISHED: times[0], "topic": world.pipeline.output_name}
    assert (made.count, made.days) == (3, None)
    by = rows(world)[0].by
    assert by is not None
    assert sorted(by.stored) == ["host", "run_id", "user"]
    assert_nothing_moved(world)
    found = audited(world)
    assert told(found) == ""
    assert found.notes == (f"{world.pipeline.output_name} holds 4 averages that were published again",)
    assert world.run() == []
    publish(world, world.pipeline.output_name, again[0], headers={REPUBLISHED: b"2026-01-01T00:00:00.000+00:00"})
    publish(world, world.pipeline.output_name, again[0], value=b'{"date": "2006-12-17", "voltage": 1}')
    (unknown, wrong) = audited(world).differences
    assert "published again at 2026-01-01T00:00:00.000+00:00, is in no row of the checkpoints" in str(unknown)
    assert "by contributions it is" in str(wrong)


@pytest.mark.proves("F162", "F166")
def test_a_new_output_topic_is_filled_once_the_change_is_decided(world: World) -> None:
    name = f"{world.pipeline.name}-second"
    create_topics(world.bootstrap, {name: world.partitions})
    moved = [f"output.topic={name}"]
    pipeline = load_pipeline(world.config, overrides=moved)
    with pytest.raises(DecisionNeeded, match="--adopt-definition"):
        republish(pipeline, "too early")
    assert world.run(overrides=moved, adopt_definition=True) == []
    republish(pipeline, "filled")
    assert newest(visible(world, name)) == newest(visible(world))
    assert told(audited(world, output=name)) == ""
    world.send(0, *some(2))
    world.run(overrides=moved)
    assert told(audited(world, output=name)) == ""
    assert len(newest(visible(world, name))) == len(found_averages(world.tables))
    world.admin.delete_topics([name])[name].result(20)


def dies(world: World, fault: str) -> bool:
    faults.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
        patch.setenv("DAYFOLD_FAULT", f"{fault}:raise")
        try:
            republish(world.pipeline, "dies")
        except faults.InjectedFault:
            return True
    return False


@pytest.mark.proves("F167")
def test_a_republication_killed_at_any_point_shows_all_or_nothing_and_can_be_repeated(world: World) -> None:
    first, _ = split(visible(world))
    for point in POINTS:
        seen, written = len(visible(world)), len(rows(world))
        assert dies(world, point), point
        shown = 3 if point == "after:commit_transaction" else 0
        assert len(visible(world)) == seen + shown, point
        assert len(rows(world)) == written + (point not in POINTS[:2]), point
        assert_nothing_moved(world)
    assert republish(world.pipeline, "again").count == 3
    before, again = split(visible(world))
    assert list(map(content, before)) == list(map(content, first))
    assert (len(again), {content(one) for one in again}) == (6, newest(first))
    assert told(audited(world)) == ""
    world.send(0, *some(1, 18))
    (done,) = world.run()
    assert done.batch == 3
    assert told(audited(world)) == ""


@pytest.mark.proves("F167")
def test_a_republication_waits_for_an_unfinished_batch_and_is_no_proof_of_one(world: World) -> None:
    with hold_lock(world.pipeline.lock, pipeline=world.pipeline.name, run_id="a run"), pytest.raises(PipelineBusy):
        republish(world.pipeline, "beside a run")
    world.send(0, *some(1, 18))
    assert world.run_with_fault("after:plan_commit:raise")
    with pytest.raises(DecisionNeeded, match=r"batch 3 of .* is unfinished"):
        republish(world.pipeline, "too early")
    # As if a batch had been published again behind the plan's output starts, and the group had gone since.
    first, _ = split(visible(world))
    publish(world, world.pipeline.output_name, first[0], headers={"batch": b"3", REPUBLISHED: b"2026-01-01T00:00:00+00:00"})
    world.delete_group()
    world.run()
    published, _ = split(visible(world))
    assert [headers_of(one)["batch"] for one in published].count(b"3") == 1
    assert (len(published), states(world)[-1]) == (len(first) + 1, "DONE")


@pytest.mark.proves("F167")
@pytest.mark.thorough
@pytest.mark.parametrize("point", ["after:republish_row", "after:begin_transaction", "before:commit_transaction"])
def test_a_run_on_another_machine_shuts_a_republication_out(world: World, point: str) -> None:
    world.send(0, *some(1, 18))
    happened: list[DayfoldError | list[Done]] = []

    def overtake(passed: str) -> None:
        if passed == point and not happened:
            happened.append([])
            # Another machine's lock is another file.
            happened[0] = world.run(overrides=[f"state={world.config.parent / 'elsewhere'}"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
        with faults.calling(overtake), pytest.raises(Superseded):
            republish(world.pipeline, "overtaken")
    _, again = split(visible(world))
    assert again == []
    assert told(audited(world)) == ""


def test_a_pipeline_that_has_averaged_nothing_has_nothing_to_publish_again(new_world: NewWorld) -> None:
    fresh = new_world()
    made = republish(fresh.pipeline, "early", (date(2006, 12, 16), date(2006, 12, 17)))
    assert isinstance(made, Republication)
    assert made.count == 0
    assert states(fresh) == []

"""Where a first run begins, and how a backlog is cut into batches."""

import random
from datetime import UTC, datetime

import pytest

from tests.conftest import NewWorld
from tests.faults.batches import some
from tests.faults.checkpoint_rows import ranges, states
from tests.world import World, reading

pytestmark = pytest.mark.group("KO")


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


@pytest.mark.proves("F20")
def test_a_first_run_may_start_at_the_end_and_remembers_where(new_world: NewWorld) -> None:
    world = new_world(input={"start": "latest"})
    world.send(0, *some(3))
    assert world.run() == []
    world.sent.clear()
    world.send(0, *some(2))
    world.run()
    world.assert_all_counted()


SENT_AT = [1_166_000_000_000 + 1000 * number for number in range(6)]
"""Kafka timestamps of six readings, a second apart."""


def instant(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


@pytest.mark.proves("F19", "F20")
@pytest.mark.parametrize(
    ("start", "first"),
    [
        pytest.param(SENT_AT[0] - 1, 0, id="before all", marks=pytest.mark.thorough),
        pytest.param(SENT_AT[3], 3, id="exactly one of them"),
        pytest.param(SENT_AT[3] + 1, 4, id="in between", marks=pytest.mark.thorough),
        pytest.param(SENT_AT[5], 5, id="the last one", marks=pytest.mark.thorough),
        pytest.param(SENT_AT[5] + 1, 6, id="later than all"),
    ],
)
def test_a_first_run_may_start_at_a_time(new_world: NewWorld, start: int, first: int) -> None:
    world = new_world(input={"start": instant(start)})
    for value, sent_at in zip(some(6), SENT_AT, strict=True):
        world.send(0, value, timestamp=sent_at)
    world.sent = world.sent[first:]
    assert len(world.run()) == (1 if world.sent else 0)
    assert states(world)[0] == ("PLANNED" if world.sent else "ADOPTED")
    world.send(0, *some(1, 17), timestamp=SENT_AT[0] - 5000)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F20", "K07")
@pytest.mark.parametrize("start", ["latest", instant(SENT_AT[2])])
@pytest.mark.parametrize("kill", ["before:plan_commit", "after:plan_commit", "after:records_commit"])
@pytest.mark.thorough
def test_a_late_first_start_survives_a_kill(new_world: NewWorld, start: str, kill: str) -> None:
    world = new_world(input={"start": start})
    for value, sent_at in zip(some(6), SENT_AT, strict=True):
        world.send(0, value, timestamp=sent_at)
    world.run() if start == "latest" else None
    world.sent = world.sent[6 if start == "latest" else 2 :]
    world.send(0, *some(2, 17))
    assert world.run_with_fault(f"{kill}:raise")
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F20")
def test_a_first_start_in_an_open_transaction_waits_before_it(new_world: NewWorld) -> None:
    world = new_world(input={"start": instant(SENT_AT[0])})
    with world.open_transaction(0, *some(2)) as producer:
        assert world.run() == []
        producer.commit_transaction(20)
    world.wait_until_stable(0)
    world.run()
    world.assert_all_counted()


@pytest.mark.proves("F24")
def test_a_backlog_beyond_the_limit_becomes_several_batches_of_one_run(world: World) -> None:
    world.send(0, *some(7))
    world.send(1, *some(2))
    done = world.run(overrides=["limits.max_records_per_batch=4"])
    assert [sum(one.span for one in row.ranges) for row in done] == [4, 4, 1]
    world.assert_all_counted()


SIZES = {"even": (6, 6, 6), "uneven": (17, 1, 0), "one partition": (0, 9, 0), "one record too many": (4, 4, 1)}


@pytest.mark.thorough
@pytest.mark.proves("F24", "F25", "K07", "K22")
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(
    "kill",
    [
        "after:averages_commit:raise:2",
        "after:plan_commit:raise:2",
        "after:records_commit:raise:2",
        "after:commit_transaction:raise",
        "after:done_commit:raise",
    ],
)
def test_a_backlog_cut_into_batches_survives_a_kill_in_one_of_them(world: World, sizes: str, kill: str) -> None:
    for number, size in enumerate(SIZES[sizes]):
        world.send(number, *some(size))
    capped = ["limits.max_records_per_batch=4"]
    assert world.run_with_fault(kill, overrides=capped)
    world.run(overrides=capped)
    batches = ranges(world, "DONE")
    assert max(sum(end - start for start, end in one.values()) for one in batches.values()) <= 4
    assert batches == ranges(world, "PLANNED")
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F24")
@pytest.mark.parametrize("number", range(4))
def test_any_cut_into_batches_gives_the_same_averages(world: World, number: int, request: pytest.FixtureRequest) -> None:
    chosen = random.Random(f"{request.config.getoption('seed')} {number}")
    for partition in range(3):
        times = [f"{chosen.randint(1, 5):02}/12/2006 {chosen.randrange(24):02}:00:00" for _ in range(chosen.randrange(12))]
        world.send(partition, *(reading(moment, f"{chosen.randint(0, 10**9) / 10**6:.6f}") for moment in times))
    while world.run(overrides=[f"limits.max_records_per_batch={chosen.randint(3, 15)}"]):
        pass
    world.assert_all_counted()


@pytest.mark.proves("F102")
def test_a_closed_day_is_reopened_by_late_records_with_a_higher_revision(world: World) -> None:
    for day in (16, 17, 16):
        world.send(0, *some(2, day))
        world.run()
    world.assert_all_counted()
    output = world.output()[0]
    assert [(record[0], record[3]) for record in output] == [("2006-12-16", 1), ("2006-12-17", 1), ("2006-12-16", 2)]


@pytest.mark.proves("F102", "K22")
@pytest.mark.parametrize("kill", ["after:plan_commit", "after:averages_commit", "after:commit_transaction"])
@pytest.mark.thorough
def test_a_day_that_is_reopened_by_a_batch_that_dies_gets_one_revision(world: World, kill: str) -> None:
    for day in (16, 17):
        world.send(0, *some(2, day))
        world.run()
    world.send(0, *some(1, 16))
    assert world.run_with_fault(f"{kill}:raise")
    world.run()
    world.assert_all_counted()
    assert [record[3] for record in world.output()[0] if record[0] == "2006-12-16"] == [1, 2]


@pytest.mark.proves("F104")
def test_a_producer_that_sends_a_reading_twice_has_sent_two_readings(world: World) -> None:
    world.send(0, *some(3), *some(3))
    (done,) = world.run()
    assert done.counts[0].accepted == 6
    world.assert_all_counted()


@pytest.mark.thorough
@pytest.mark.proves("F35")
@pytest.mark.proves("F01", "F14")
@pytest.mark.parametrize("partitions", [1, 20])
@pytest.mark.parametrize("kill", ["", "after:records_commit:raise"])
def test_topics_of_one_and_of_many_partitions_are_counted_alike(new_world: NewWorld, partitions: int, kill: str) -> None:
    world = new_world(partitions=partitions)
    for number in range(0, partitions, 2):
        world.send(number, *some(number % 3 + 1))
    assert not kill or world.run_with_fault(kill)
    world.run()
    world.send(partitions - 1, *some(2, 17))
    world.run()
    world.assert_all_counted()

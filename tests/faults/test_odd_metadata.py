"""What a producer chooses besides a message's value: Kafka timestamps, keys, headers, sizes.
None of it may stop a run or a look.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spark_jobs.maintenance.maintain import maintain
from tests import oracle, raw_headers
from tests.conftest import NewWorld
from tests.faults.audited import audited, told
from tests.faults.batches import some
from tests.faults.shown import status_of
from tests.faults.topic_settings import WEEK_MS, alter_input
from tests.world import World

pytestmark = [pytest.mark.group("KO"), pytest.mark.thorough]

LONGEST = 2**63 - 1
NOW_MS = 1_780_000_000_000
ODD_TIMES = {
    "microseconds": NOW_MS * 1_000,
    "nanoseconds": NOW_MS * 1_000_000,
    "none": -1,
    "before the year 1": -NOW_MS * 1_000,
    "the least": -LONGEST - 1,
    "the greatest": LONGEST,
}


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A topic that takes every timestamp, as all did before Kafka 4."""
    return of_any_time(new_world(partitions=2))


def of_any_time(world: World) -> World:
    limits = {"message.timestamp.after.max.ms": str(LONGEST), "message.timestamp.before.max.ms": str(LONGEST)}
    alter_input(world, limits)
    return world


def send_at(world: World, partition: int, *times: int) -> None:
    for day, time in enumerate(times, start=1):
        world.send(partition, *some(2, day), timestamp=time)


def kafka_times(world: World) -> dict[tuple[int, int], datetime | None]:
    return {(row["partition"], row["offset"]): row["kafka_timestamp"] for row in oracle.rows(f"{world.tables}/records")}


@pytest.mark.proves("F150")
def test_records_of_any_kafka_timestamp_are_counted_and_their_neighbours_with_them(world: World) -> None:
    send_at(world, 0, NOW_MS, *ODD_TIMES.values(), NOW_MS)
    send_at(world, 1, NOW_MS)
    world.send_in_transaction(0, *some(2), commit=False)
    world.run()
    world.assert_all_counted()
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    odd = {(0, offset): None for offset in range(2, 2 + 2 * len(ODD_TIMES))}
    last = 2 + 2 * len(ODD_TIMES)
    assert kafka_times(world) == {**odd, **dict.fromkeys([(0, 0), (0, 1), (0, last), (0, last + 1), (1, 0), (1, 1)], now)}
    assert not [one for one in Path(world.tables, "records").iterdir() if one.name.startswith("messages")]
    assert audited(world, deep=True).differences == ()
    maintain(world.pipeline, now=datetime.now(UTC))
    assert audited(world, deep=True).differences == ()


@pytest.mark.proves("F150")
@pytest.mark.thorough
def test_records_of_any_kafka_timestamp_are_counted_where_records_are_not_kept(new_world: NewWorld) -> None:
    world = of_any_time(new_world(partitions=2, records=False))
    send_at(world, 0, *ODD_TIMES.values())
    world.send(0, b"junk", timestamp=ODD_TIMES["nanoseconds"])
    world.send_in_transaction(0, *some(2), commit=False)
    send_at(world, 1, NOW_MS)
    world.run()
    world.assert_all_counted()
    assert audited(world, deep=True).differences == ()


@pytest.mark.proves("F150")
def test_when_an_unread_record_of_an_odd_kafka_timestamp_expires_is_unknown_and_its_neighbour_is_not_touched(
    new_world: NewWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = of_any_time(new_world(partitions=len(ODD_TIMES) + 1))
    alter_input(world, {"retention.ms": str(WEEK_MS)})
    for number, time in enumerate(ODD_TIMES.values()):
        world.send(number, *some(1), timestamp=time)
    world.send(len(ODD_TIMES), *some(1), timestamp=int(datetime.now(UTC).timestamp() * 1000))
    *odd, usual = status_of(world).partitions
    assert [(one.expiry and (one.expiry.oldest, one.expiry.hours_left)) for one in odd] == [(None, None)] * len(ODD_TIMES)
    assert usual.expiry is not None
    assert usual.expiry.hours_left == pytest.approx(7 * 24, abs=1)
    for number, time in enumerate(ODD_TIMES.values()):
        assert f"the Kafka timestamp of partition {number}, offset 0 is {time}, which is no time" in caplog.text


@pytest.mark.proves("F151")
def test_keys_headers_and_sizes_of_every_kind_are_no_matter(world: World) -> None:
    long = b"\xff" * 950_000
    for number, key in enumerate([None, b"", b"\xff\x00\n[/red]", long], start=1):
        world.send(0, *some(1, number), key=key)
    world.send(0, long, None, key=None)
    world.send(1, *some(1), headers=[("", b""), ("empty", None), ("bytes", b"\xff\xfe"), ("many", b"x" * 2**16)] * 3)
    raw_headers.produce(world.bootstrap, world.pipeline.input.topic, b"junk", [(b"\xff\xfe", b"x")])
    world.sent.append(oracle.sent(0, 6, b"junk"))
    world.run()
    world.assert_all_counted()
    assert audited(world, deep=True).differences == ()
    assert [one.lag for one in status_of(world).partitions] == [0, 0]


@pytest.mark.proves("F151")
def test_a_foreign_record_on_the_output_whatever_its_headers_is_told_and_stops_nothing(world: World) -> None:
    world.send(0, *some(1))
    assert world.run_with_fault("after:commit_transaction:raise")
    deep = b"[" * 100_000
    name = world.pipeline.name.encode()
    raw_headers.produce(world.bootstrap, world.pipeline.output_name, b"x", [(b"\xff\xfe", b"x"), (b"batch", b"1")])
    raw_headers.produce(world.bootstrap, world.pipeline.output_name, deep, [(b"pipeline", name), (b"batch", b"\xff")])
    world.delete_group()
    (done,) = world.run()
    assert done.published == 1
    found = audited(world, deep=True)
    assert "holds 1 record not of this pipeline" in "\n".join(found.notes)
    assert re.fullmatch(r"topic \S+: offset 3 of partition 0 cannot be understood \(RecursionError.*", told(found), re.DOTALL)

"""Both notebooks as an analyst executes them, in real kernels, on a lake that the pipeline made of messages sent to a real
broker.

Whatever they find is compared with the messages, by the oracle's arithmetic: equal means equal to the last digit.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from spark_jobs.local.kafka.server import RunningKafka
from tests import oracle
from tests.executed import Executed, execute
from tests.tables_page import described_columns, python_blocks
from tests.world import World, make_world, reading

# One worker runs all of it: the tests look at the same lake and the same executions.
pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("notebooks")]

ZONE = "Asia/Kolkata"
"""Half a day from UTC or less, and no whole hours: a day that is taken in UTC is another day."""


def day(number: int) -> date:
    return date(2006, 12, number)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, kafka: RunningKafka, request: pytest.FixtureRequest) -> Iterator[World]:
    """Three partitions, three batches; both later batches bring readings of a day that was closed,
    and all hold rejected messages.
    """
    zoned = {"time": {"field": "datetime", "format": "dd/MM/yyyy HH:mm:ss", "timezone": ZONE}}
    folder = tmp_path_factory.mktemp("notebooks")
    world = make_world(folder, kafka.bootstrap, lambda: request.getfixturevalue("spark"), 3, input=zoned)
    world.send(0, reading("16/12/2006 00:30:00", "240.000001"), reading("16/12/2006 23:30:00", "239.94"), b"no reading")
    world.send(1, *(reading(f"16/12/2006 {hour:02}:00:00", f"23{hour % 10}.123456") for hour in range(24)))
    world.send(2, reading("17/12/2006 01:00:00", "241.5"), None)
    world.run()
    world.send(0, reading("17/12/2006 05:15:00", "238.7"), reading("16/12/2006 12:00:00", "250"))
    world.send(2, reading("16/12/2006 12:01:00", "230.1"), reading("17/12/2006 23:45:00", "240"), b"\xff\xfe")
    world.run()
    # Two readings whose average lies exactly between two sixth places.
    world.send(1, reading("18/12/2006 00:10:00", "240.000001"), b'{"datetime": "32/12/2006 00:00:00", "voltage": 1}')
    world.send(
        2, reading("18/12/2006 08:00:00", "240"), reading("17/12/2006 08:00:00", "239"), reading("16/12/2006 07:00:00", "0.1")
    )
    world.run()
    world.assert_all_counted()
    yield world
    world.end()


@pytest.fixture(scope="module")
def with_spark(world: World) -> Executed:
    questions = {
        "figures": "figures.values.tolist()",
        "then": "then.values.tolist()",
        "steps": "steps.to_dict('records')",
        "times": "readings['event_time'].dt.strftime('%Y-%m-%d %H:%M').to_list()",
    }
    return execute("01_daily_averages", world, questions)


@pytest.fixture(scope="module")
def without_spark(world: World) -> Executed:
    questions = {
        "figures": "figures.rows()",
        "rejected": "rejected.select('rejected_because', 'messages', 'example').rows()",
        "offsets": "offsets.rows()",
        "times": "readings['event_time'].dt.strftime('%Y-%m-%d %H:%M').to_list()",
        "lag": "lag.select('batch', 'partition', 'lag_seconds').rows()",
    }
    return execute("02_without_spark", world, questions)


def expected_averages(world: World, *, batches: int) -> dict[oracle.Day, tuple[Any, ...]]:
    """The averages after the first batches, by partition and date."""
    ranges = {number: one for number, one in oracle.stored_batches(world.tables).items() if number <= batches}
    return oracle.expect(world.sent, ranges).averages


def expected_figures(world: World, *, batches: int = 3) -> list[list[Any]]:
    """Rows of `figures` in the form that the notebooks are asked in: all partitions of a day together."""
    rows: dict[date, list[tuple[Any, ...]]] = {}
    for (_, date_), row in expected_averages(world, batches=batches).items():
        rows.setdefault(date_, []).append(row)
    return [[date_.isoformat(), *_over_all_partitions(found)] for date_, found in sorted(rows.items())]


def _over_all_partitions(rows: list[tuple[Any, ...]]) -> list[Any]:
    total, count = sum(row[0] for row in rows), sum(row[1] for row in rows)
    numbers = [total, min(row[2] for row in rows), max(row[3] for row in rows), total / count]
    total, low, high, average = (f"{number.quantize(Decimal('0.000001'), ROUND_HALF_UP)}" for number in numbers)
    return [total, count, low, high, average]


def test_both_notebooks_say_what_the_messages_add_up_to(world: World, with_spark: Executed, without_spark: Executed) -> None:
    assert with_spark.answers["figures"] == without_spark.answers["figures"] == expected_figures(world)
    assert [row[0] for row in expected_figures(world)] == ["2006-12-16", "2006-12-17", "2006-12-18"]


def test_the_lake_tells_half_up_from_half_to_even(world: World) -> None:
    *_, (_, total, count, _, _, average) = expected_figures(world)
    assert Decimal(average) != (Decimal(total) / count).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)


def test_an_earlier_batch_is_what_the_messages_up_to_then_add_up_to(world: World, with_spark: Executed) -> None:
    assert with_spark.answers["then"] == expected_figures(world, batches=2)
    assert with_spark.answers["then"] != with_spark.answers["figures"]


def test_late_readings_are_shown_batch_by_batch(world: World, with_spark: Executed) -> None:
    steps = {(row["partition"], row["date"], row["batch"]): row["average_so_far"] for row in with_spark.answers["steps"]}
    revised = {key: row[6] for key, row in expected_averages(world, batches=3).items() if row[5] > 1}
    assert revised == {(0, day(16)): 2, (2, day(16)): 3, (2, day(17)): 3}
    assert {key[:2] for key in steps} == {(partition, f"{date_}") for partition, date_ in revised}
    for batches in (1, 2, 3):
        for (partition, date_), row in expected_averages(world, batches=batches).items():
            if row[6] == batches and (partition, date_) in revised:
                assert Decimal(steps[partition, f"{date_}", batches]) == row[4]


def test_a_day_is_a_day_of_the_pipelines_zone(with_spark: Executed, without_spark: Executed) -> None:
    times = [f"2006-12-17 {time}" for time in ("01:00", "05:15", "08:00", "23:45")]
    assert with_spark.answers["times"] == without_spark.answers["times"] == times


def test_rejected_messages_are_counted_by_their_reason(without_spark: Executed) -> None:
    assert without_spark.answers["rejected"] == [
        ["BAD_TIME", 1, '{"datetime": "32/12/2006 00:00:00", "voltage": 1}'],
        ["NOT_JSON", 1, "no reading"],
        ["NOT_UTF8", 1, r"\xFF\xFE"],
        ["TOMBSTONE", 1, None],
    ]


def test_offsets_are_where_the_consumer_group_stands(world: World, without_spark: Executed) -> None:
    group = oracle.group_offsets(world.bootstrap, world.pipeline.name, world.pipeline.input.topic, 3)
    offsets = {row[0]: row[1] for row in without_spark.answers["offsets"]}
    assert offsets == group
    assert [row[2:] for row in without_spark.answers["offsets"]] == [[5, 4, 1, 0], [26, 25, 1, 0], [8, 6, 2, 0]]
    assert [tuple(row[:2]) for row in without_spark.answers["lag"]] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 2), (3, 1), (3, 2)]
    assert all(0 < row[2] < 600 for row in without_spark.answers["lag"])


def test_every_plot_is_drawn(with_spark: Executed, without_spark: Executed) -> None:
    assert [len(with_spark.pictures), len(without_spark.pictures)] == [3, 2]
    assert min(map(len, with_spark.pictures + without_spark.pictures)) > 10_000, "a picture is nearly empty"


def test_columns_that_are_said_to_be_never_null_hold_a_value_in_every_row(world: World) -> None:
    for table, columns in described_columns().items():
        rows = oracle.rows(f"{world.tables}/{table}")
        assert len(rows) >= 6
        empty = {one.name for one in columns if any(row[one.name] is None for row in rows)}
        # Whether a message has a key and a time is its producer's choice.
        assert empty == {one.name for one in columns if one.null != "never"} - {"key", "kafka_timestamp"}


def test_the_examples_of_the_page_about_tables_work_as_they_stand(
    world: World, spark: object, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYFOLD__NAME", world.pipeline.name)
    monkeypatch.setenv("DAYFOLD__LAKE", world.pipeline.lake)
    names: dict[str, Any] = {"spark": spark}
    for block in python_blocks():
        exec(compile(block, "docs/tables.md", "exec"), names)
    said = capfd.readouterr().out
    for date_, total, count, _, _, average in expected_figures(world):
        assert f"{date_} {average} {count}" in said
        assert f"│ {date_} │" in said
        assert f"{total} │" in said
    assert names["version"] == 1

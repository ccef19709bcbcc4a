import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.progress.offsets import (
    Loss,
    OffsetRange,
    Partition,
    Topic,
    find_losses,
    plan_ranges,
    positions_to_check,
    replaced,
    total_span,
    vanished_partitions,
)


def partition(number: int, low: int = 0, stable: int = 100, high: int = 100) -> Partition:
    return Partition(number, low, stable, high)


def test_a_range_holds_its_start_and_not_its_end() -> None:
    assert OffsetRange(0, 5, 9).span == 4


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (5, 4), (-2, -1)])
def test_a_range_is_never_negative_or_backwards(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no offset range"):
        OffsetRange(0, start, end)


def test_a_new_partition_starts_at_its_earliest_offset() -> None:
    assert plan_ranges({0: 7}, {0: 10, 1: 4}, 100) == (OffsetRange(0, 7, 10), OffsetRange(1, 0, 4))


def test_an_end_before_the_start_is_an_empty_range_and_never_moves_progress_back() -> None:
    assert plan_ranges({0: 7}, {0: 5}, 100) == (OffsetRange(0, 7, 7),)


def test_the_cap_is_cut_fairly_and_what_one_does_not_need_goes_to_the_others() -> None:
    ranges = plan_ranges({}, {0: 100, 1: 2, 2: 100}, 12)
    assert [one.span for one in ranges] == [5, 2, 5]


def test_a_cap_below_the_number_of_partitions_still_moves_on() -> None:
    assert total_span(plan_ranges({}, {0: 10, 1: 10, 2: 10}, 1)) == 1


@given(
    available=st.dictionaries(st.integers(0, 50), st.integers(0, 1000), min_size=1, max_size=20),
    limit=st.integers(1, 3000),
)
def test_batches_cut_at_any_cap_cover_every_offset_once(available: dict[int, int], limit: int) -> None:
    ranges = plan_ranges({}, available, limit)
    assert total_span(ranges) == min(limit, sum(available.values()))
    assert all(one.start == 0 and one.end <= available[one.partition] for one in ranges)
    short = [one.span for one in ranges if one.span < available[one.partition]]
    assert not short or max(one.span for one in ranges) - min(short) <= 1


def test_deleted_records_are_a_loss_that_names_every_offset() -> None:
    (loss,) = find_losses({3: 100}, [partition(3, low=250, stable=400, high=400)])
    assert loss == Loss(3, 100, 250, "retention")
    assert str(loss) == "partition 3: offsets 100 to 249 (150 records) are gone; first available is 250"


def test_a_log_that_ends_before_the_stored_offset_is_truncated() -> None:
    (loss,) = find_losses({3: 100}, [partition(3, stable=60, high=60)])
    assert (loss.cause, loss.count, loss.resume) == ("truncated", 40, 60)


def test_a_stored_offset_between_stable_and_high_is_no_loss() -> None:
    assert find_losses({3: 80}, [partition(3, stable=70, high=90)]) == ()


def test_a_new_partition_whose_first_records_are_gone_is_a_loss() -> None:
    assert find_losses({}, [partition(1, low=5)]) == (Loss(1, 0, 5, "retention"),)


@pytest.mark.parametrize(
    ("ends", "epochs", "asked"),
    [
        ({0: 80}, {0: 5}, {}),
        ({0: 80}, {0: 4}, {0: (80, 4)}),
        ({0: 80}, {0: 9}, {0: (80, 9)}),
        ({0: 120}, {0: 4}, {0: (100, 4)}),
        ({0: 10}, {0: 4}, {}),
        ({0: 80}, {}, {}),
        ({}, {}, {}),
    ],
    ids=["same leader", "new leader", "older leader", "beyond the end", "nothing left of it", "not known", "new partition"],
)
def test_only_a_partition_whose_leader_changed_is_asked_whether_it_is_still_the_same(
    ends: dict[int, int], epochs: dict[int, int], asked: dict[int, tuple[int, int]]
) -> None:
    topic = Topic("a", "id", (Partition(0, 10, 100, 100, 5),))
    assert positions_to_check(ends, epochs, topic) == asked
    assert positions_to_check(ends, epochs, Topic("a", "id", (Partition(0, 10, 100, 100, None),))) == {}


def test_what_grew_again_is_read_from_where_the_old_records_end_and_from_the_stored_offset_where_nobody_knows() -> None:
    known, unknown = replaced({0: 80, 1: 80}, {0: 60, 1: -1})
    assert (known.stored, known.resume, known.count, known.cause) == (80, 60, 20, "replaced")
    assert "the log holds those before offset 60 alone: it was truncated and has grown again; 20 offsets" in str(known)
    assert (unknown.stored, unknown.resume, unknown.count) == (80, 80, 0)
    assert "the leader does not know which records stood there then" in str(unknown)


def test_a_lost_partition_does_not_touch_the_others() -> None:
    losses = find_losses({0: 10, 1: 10}, [partition(0), partition(1, low=20)])
    assert [loss.partition for loss in losses] == [1]


def test_a_stored_partition_that_the_broker_does_not_know_is_named() -> None:
    assert vanished_partitions({0: 1, 4: 2}, [partition(0)]) == (4,)

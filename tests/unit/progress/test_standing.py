"""Every combination of what tables know of an unfinished batch is one step of a run, or one named contradiction."""

from itertools import product

import pytest

from spark_jobs.progress.standing import Contradiction, Standing, Step, Summed, next_step

ANY = None

# What a run does by the first line that fits: records kept, how many are accepted (None: not read yet), closed, contributed,
# averaged.
TABLE: list[tuple[tuple[bool | None, str | None, bool | None, bool | None, bool | None], Step | Contradiction]] = [
    ((ANY, "unread", ANY, ANY, ANY), Step.READ),
    ((ANY, "none", ANY, True, ANY), Contradiction.ROWS_OF_NOTHING),
    ((ANY, "none", ANY, False, ANY), Step.PUBLISH),
    ((True, "gone", ANY, True, ANY), Contradiction.RECORDS_GONE),
    ((False, "gone", ANY, True, ANY), Contradiction.ROWS_OF_NOTHING),
    ((ANY, "gone", ANY, False, ANY), Step.PUBLISH),
    ((ANY, "some", True, False, ANY), Contradiction.ROWS_GONE),
    ((True, "some", False, False, ANY), Step.ADD_UP),
    ((False, "some", False, False, ANY), Step.READ),
    ((ANY, "some", ANY, True, False), Step.MERGE),
    ((ANY, "some", ANY, True, True), Step.PUBLISH),
]
ACCEPTED = {"unread": (None, 0), "gone": (0, 0), "none": (7, 0), "some": (7, 5)}
COMBINATIONS = list(product((True, False), ACCEPTED, (True, False), (True, False), (True, False)))


def standing(keeps: bool, accepted: str, *facts: bool) -> Standing:
    return Standing(keeps, *ACCEPTED[accepted], sums=(Summed("a", *facts),))


@pytest.mark.parametrize("facts", COMBINATIONS, ids=str)
def test_each_combination_is_one_line_of_the_table(facts: tuple[bool, str, bool, bool, bool]) -> None:
    lines = [step for line, step in TABLE if all(wanted in (ANY, fact) for wanted, fact in zip(line, facts, strict=True))]
    assert [next_step(standing(*facts))] == lines


@pytest.mark.parametrize("facts", COMBINATIONS, ids=str)
def test_what_is_said_of_a_batch_agrees_with_its_step(facts: tuple[bool, str, bool, bool, bool]) -> None:
    found = standing(*facts)
    step = next_step(found)
    assert found.needs_kafka == (step is Step.READ)
    assert found.is_added_up == (step in (Step.MERGE, Step.PUBLISH))
    (of_one,) = found.sums
    assert found.counts_already == (of_one.contributed or of_one.totalled), "else it may be abandoned"


@pytest.mark.parametrize(
    ("one", "other", "step"),
    [
        ((False, False, False), (False, False, False), Step.ADD_UP),
        ((True, True, False), (False, False, False), Step.ADD_UP),
        ((True, True, False), (True, False, False), Contradiction.ROWS_GONE),
        ((True, True, False), (True, True, False), Step.MERGE),
        ((True, True, True), (True, True, False), Step.MERGE),
        ((True, True, True), (True, True, True), Step.PUBLISH),
    ],
)
def test_of_two_aggregates_the_one_that_is_behind_says_what_comes_next(
    one: tuple[bool, ...], other: tuple[bool, ...], step: Step | Contradiction
) -> None:
    for sums in ((Summed("a", *one), Summed("b", *other)), (Summed("b", *other), Summed("a", *one))):
        found = Standing(True, 7, 5, 1, sums)
        assert next_step(found) is step
        assert (found.rejected, found.counts_already) == (1, any(one[1:]) or any(other[1:]))


def test_each_step_and_each_contradiction_is_reached() -> None:
    assert {step for _, step in TABLE} == {*Step, *Contradiction}

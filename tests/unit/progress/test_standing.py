"""Every combination of what tables know of an unfinished batch is one step of a run, or one named contradiction."""

from itertools import product

import pytest

from spark_jobs.progress.standing import Contradiction, Standing, Step, next_step

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
    return Standing(keeps, *ACCEPTED[accepted], *facts)


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
    assert found.counts_already == (found.contributed or found.averaged), "else it may be abandoned"


def test_each_step_and_each_contradiction_is_reached() -> None:
    assert {step for _, step in TABLE} == {*Step, *Contradiction}

"""What follows from what group and output topic say of a batch: every combination of both, as in the table of docs/design.md."""

from collections import Counter

import pytest

from spark_jobs.outlook.proof import (
    GroupEvidence,
    Key,
    OutputEvidence,
    ProofVerdict,
    Question,
    contradiction,
    group_of,
    judge_proof,
    no_proof,
)
from tests.plans import plan_of

EXPECTED: frozenset[Key] = frozenset({(0, b"2006-12-16"), (1, b"2006-12-16")})
ALL, FIRST = sorted(EXPECTED), sorted(EXPECTED)[:1]


def group(words: str) -> GroupEvidence:
    """Of two partitions, each: p(roving), o(lder) or s(ilent).

    >>> group("po").older
    frozenset({1})
    """
    proving, older, silent = (frozenset(number for number, word in enumerate(words) if word == side) for side in "pos")
    return GroupEvidence(proving, older, silent, newest=2 if proving else 1)


def output(seen: list[Key], aged: tuple[int, ...] = (), *, anew: bool = False, readable: bool = True) -> OutputEvidence:
    return OutputEvidence(Counter(seen), 0, frozenset(aged), anew=anew, readable=readable)


GROUPS = ("pp", "po", "ps", "oo", "os", "ss")
P: ProofVerdict = "published"
U: ProofVerdict = "unpublished"
C: ProofVerdict = "contradictory"
X: ProofVerdict = "unknown"
TABLE: dict[str, tuple[OutputEvidence, list[ProofVerdict]]] = {
    #                                                             pp po ps oo os ss
    "all averages are seen": (output(ALL), [P, P, P, P, P, P]),
    "all are seen, some partitions were cut": (output(ALL, (0,)), [P, P, P, P, P, P]),
    "some are seen": (output(FIRST), [C, C, C, C, C, C]),
    "some are seen, the others may be gone": (output(FIRST, (1,)), [P, P, P, P, P, P]),
    "some are seen, those partitions were cut": (output(FIRST, (0,)), [C, C, C, C, C, C]),
    "none is seen": (output([]), [C, C, C, U, U, U]),
    "none is seen, some may be gone": (output([], (1,)), [C, C, C, U, U, U]),
    "none is seen, all may be gone": (output([], (0, 1)), [P, X, X, U, X, X]),
    "none is seen on a topic created since": (output([], anew=True), [P, C, C, U, U, U]),
    "some are seen on a topic created since": (output(FIRST, anew=True), [C, C, C, C, C, C]),
    "the topic may not be read": (output([], readable=False), [P, X, X, U, X, X]),
    "one is there twice": (output([*ALL, *FIRST]), [C, C, C, C, C, C]),
    "one is there that was not planned": (output([*ALL, (2, b"2006-12-16")]), [C, C, C, C, C, C]),
}


@pytest.mark.proves("F142", "F143")
@pytest.mark.parametrize("name", TABLE)
def test_what_is_seen_decides_and_the_group_where_nothing_can_be_seen(name: str) -> None:
    seen, verdicts = TABLE[name]
    assert [judge_proof(EXPECTED, group(words), seen) for words in GROUPS] == verdicts


NOTHING: dict[str, tuple[ProofVerdict, OutputEvidence]] = {
    "pp": (P, output([])),
    "po": (U, output([])),
    "ss": (U, output([], (0,))),
}


@pytest.mark.parametrize("words", NOTHING)
def test_a_batch_without_averages_is_published_again_unless_the_group_proves_it(words: str) -> None:
    verdict, seen = NOTHING[words]
    assert judge_proof(frozenset(), group(words), seen) == verdict
    assert judge_proof(frozenset(), group(words), output(FIRST)) == C


def test_an_average_that_compaction_may_have_taken_is_no_contradiction() -> None:
    covered = OutputEvidence(Counter(FIRST), covered=frozenset(ALL[1:]))
    assert judge_proof(EXPECTED, group("pp"), covered) == P


PLAN = plan_of(2, (0, 5, 9), (1, 0, 0))


@pytest.mark.parametrize(
    ("committed", "words"),
    [
        ({0: (9, "b=2"), 1: (0, "b=2")}, "pp"),
        ({0: (9, "b=2"), 1: (0, "b=1")}, "po"),
        ({0: (9, "b=2")}, "ps"),
        ({0: (9, "b=2"), 1: (4, "b=2")}, "ps"),
        ({0: (9, ""), 1: (0, "b=2 or so")}, "ss"),
        ({}, "ss"),
    ],
)
def test_a_group_proves_a_batch_by_offset_and_metadata_of_every_planned_partition(
    committed: dict[int, tuple[int, str]], words: str
) -> None:
    found = group_of(PLAN, committed)
    assert (found.proving, found.older, found.silent) == (group(words).proving, group(words).older, group(words).silent)


def test_a_contradiction_names_both_sides_and_the_ways_on() -> None:
    question = Question("volts", "in", "out", EXPECTED)
    assert str(contradiction(PLAN, question, group("po"), output(FIRST))) == (
        "batch 2 was published in part, by somebody else or twice: out shows 1 of its 2 averages (partition 0: 1 of 1, "
        "partition 1: 0 of 1), and the group volts proves it on partition 0 but stands before it on partition 1. Nothing was "
        "published now. Run again with --published rest (publishes the 1 that are missing), --published no (publishes all "
        "again, with the same revisions) or --published yes (leaves the topic as it is)."
    )


def test_what_nobody_can_tell_names_where_to_look() -> None:
    told = str(no_proof(PLAN, Question("volts", "in", "out", EXPECTED), group("ss"), output([], (0, 1))))
    assert "the group volts says nothing of it on partition 0, 1, and out has lost records" in told
    assert "--published yes or --published no" in told

"""Records against the ledger by counts: what is missing, and what was pruned and is none of it."""

import pytest

from spark_jobs.audit.tables import Found, Known, check_records
from tests.audit_rows import done, ledger_of

LEDGER = ledger_of([*done(1, 0, 3), *done(2, 3, 5), *done(3, 5, 9)])
FIRST, SECOND, THIRD = ({(1, 0): Found(3, 3, 0, 2)}, {(2, 0): Found(2, 2, 3, 4)}, {(3, 0): Found(4, 4, 5, 8)})

CASES: dict[str, tuple[int, dict[tuple[int, int], Found], list[str]]] = {
    "nothing is missing": (0, FIRST | SECOND | THIRD, []),
    "a batch is missing": (0, FIRST | THIRD, ["batch 2, partition 0 holds 0 records"]),
    "two are pruned": (2, THIRD, []),
    "two are pruned, and came back by a restore": (2, FIRST | SECOND | THIRD, []),
    "one is pruned, and another missing": (1, THIRD, ["batch 2, partition 0 holds 0 records"]),
    "a pruned batch is there in part": (2, {(1, 0): Found(2, 2, 0, 1)} | THIRD, ["batch 1, partition 0 holds 2 records"]),
    "the newest is missing beside those that are pruned": (2, {}, ["batch 3, partition 0 holds 0 records"]),
}


@pytest.mark.parametrize("name", CASES)
def test_only_a_whole_batch_up_to_the_pruned_one_may_be_missing(name: str) -> None:
    pruned, found, sentences = CASES[name]
    told = [str(one) for one in check_records(Known(LEDGER, frozenset(), pruned), found)]
    assert [sentence in one for sentence, one in zip(sentences, told, strict=True)] == [True] * len(sentences)

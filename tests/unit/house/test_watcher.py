"""The watcher must be able to fail: what each kind of misleading looks like to it."""

from decimal import Decimal

import pytest

from tests.violations import Violation
from tests.watcher import check_partition

FIRST = ("2006-12-16", Decimal("234.84"), 1, 1, 2)
SECOND = ("2006-12-17", Decimal("241.1"), 2, 1, 1)
REVISED = ("2006-12-16", Decimal("235"), 2, 2, 3)


def test_what_was_seen_and_is_still_there_misleads_nobody() -> None:
    check_partition(0, [FIRST, SECOND, REVISED], [FIRST, SECOND, REVISED])


@pytest.mark.parametrize(
    ("seen", "final", "invariant"),
    [
        ([FIRST, FIRST], [FIRST, FIRST], "I4"),
        ([SECOND, FIRST], [SECOND, FIRST], "I7"),
        ([FIRST, SECOND], [FIRST], "I7"),
        ([FIRST], [FIRST, SECOND], "I7"),
        ([FIRST, REVISED], [FIRST, SECOND], "I7"),
    ],
    ids=["shown twice", "batches out of order", "gone later", "never shown", "another one later"],
)
def test_whatever_misleads_a_reader_is_a_violation(
    seen: list[tuple[object, ...]], final: list[tuple[object, ...]], invariant: str
) -> None:
    with pytest.raises(Violation) as caught:
        check_partition(0, seen, final)
    assert caught.value.invariant == invariant

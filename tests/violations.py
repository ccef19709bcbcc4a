"""How a test says that an invariant is broken, so that a report can count which."""

from collections.abc import Collection
from typing import Any

SHOWN = 5


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant} is broken: {what}")
        self.invariant = invariant


def require(invariant: str, holds: bool, what: str) -> None:
    if not holds:
        raise Violation(invariant, what)


def require_none(invariant: str, found: Collection[Any], what: str) -> None:
    """There must be nothing in `found`; the first few are shown."""
    require(invariant, not found, f"{len(found)} {what}: {shown(found)}")


def shown(found: Collection[Any]) -> str:
    """The first few."""
    return ", ".join(map(str, sorted(found, key=str)[:SHOWN]))

"""A world that fails, made as small as it can be: deeds that it does not need to fail are left out one after the other."""

from collections.abc import Iterator

from tests.worlds.simulation import Outcome, simulate

MOST_TRIES = 300


def shrunk(failed: Outcome) -> Outcome:
    """A world of the same seed that breaks the same invariant with fewer deeds of the adversary."""
    kind, left_out, smallest = _kind(failed), frozenset[int](), failed
    pieces = _halves(range(1, failed.deeds + 1))
    for _ in range(MOST_TRIES):
        piece = next(pieces, None)
        if piece is None:
            break
        tried = simulate(failed.seed, left_out | piece)
        if tried.violation and _kind(tried) == kind:
            left_out, smallest = left_out | piece, tried
    return smallest


def _kind(outcome: Outcome) -> str:
    return (outcome.violation or "").partition(" is broken")[0]


def _halves(deeds: range) -> Iterator[frozenset[int]]:
    """Large pieces first, single deeds last."""
    size = len(deeds)
    while size:
        for start in range(deeds.start, deeds.stop, size):
            yield frozenset(range(start, min(start + size, deeds.stop)))
        size //= 2

"""How often things were seen, in an order that depends on nothing else."""

from collections.abc import Mapping


def most_frequent_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The same counts, the highest first, and equal ones in the alphabetical order of their names.

    >>> most_frequent_first({"b": 1, "c": 2, "a": 1})
    {'c': 2, 'a': 1, 'b': 1}
    """
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

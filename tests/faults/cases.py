"""Cases of which the usual run takes the telling ones."""

import pytest


def case(*values: object, telling: bool) -> object:
    """A parameter set; one that is not telling only runs with `make faults`."""
    return pytest.param(*values, marks=[] if telling else [pytest.mark.thorough])

"""The checkpoint table as a test looks at it: which rows, in which order, and whether done is what was planned."""

from deltalake import DeltaTable

from tests import oracle
from tests.world import World


def states(world: World) -> list[str]:
    """States of all rows in their order; none if there is no table."""
    location = f"{world.tables}/checkpoints"
    if not DeltaTable.is_deltatable(location):
        return []
    return [row["state"] for row in sorted(oracle.rows(location), key=lambda row: row["sequence"])]


def ranges(world: World, state: str) -> dict[int, dict[int, tuple[int, int]]]:
    """Per batch its ranges by partition, from the rows of one state."""
    found = (row for row in oracle.rows(f"{world.tables}/checkpoints") if row["state"] == state)
    return {row["batch"]: {one["partition"]: (one["start"], one["end"]) for one in row["ranges"]} for row in found}

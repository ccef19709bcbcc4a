"""Where a test can end the program: every fault point of the source, by the story that passes it, with the kill points that it
is.

A point that is new in the source has to be entered here, or `tests/unit/house/test_fault_points.py` fails; entered, it is a case
of the tests that kill a run at every point.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from spark_jobs.lake.schemas import SCHEMAS
from spark_jobs.removal.belongings import TABLES

SOURCE = Path(__file__).parent.parent.parent / "spark_jobs"

RUN = {
    "before:lock": ["K01"],
    "before:fence": ["K02"],
    "after:fence": ["K04", "F40"],
    "after:checkpoints_read": ["K04"],
    "after:ends_resolved": ["K05"],
    "before:plan_commit": ["K06"],
    "after:plan_commit": ["K07", "F45"],
    "before:records_files": ["K08"],
    "before:records_footers": ["K09"],
    "before:records_commit": ["K09"],
    "after:records_commit": ["K10", "K11", "F44", "F53"],
    "before:contributions_commit": ["K12"],
    "after:contributions_commit": ["K13", "F44"],
    "before:averages_commit": ["K14"],
    "before:averages_merge": ["K14"],
    "after:averages_commit": ["K15", "F44"],
    "after:begin_transaction": ["K17"],
    "after:produce": ["K18", "F26", "F39"],
    "after:delivered": ["K19"],
    "after:send_offsets": ["K20"],
    "before:commit_transaction": ["K20"],
    "after:commit_transaction": ["K22"],
    "before:done_commit": ["K23"],
    "after:done_commit": ["K24"],
}
"""In the order of a run."""

ONLY_WITH_READINGS = [point for point in RUN if "contributions" in point or "averages" in point or "produce" in point]
AFTER_THE_PLAN = list(RUN)[list(RUN).index("after:plan_commit") :]

AVERAGES_ONLY = {"before:counted_commit": ["K27"], "after:counted_commit": ["K28"]}
"""What only a batch passes that keeps no records, between `after:records_commit` and `before:contributions_commit`."""

REPUBLISH = ("before:republish_lock", "after:republish_fence", "after:republish_row")
"""Before the points of the transaction, which it shares with a run."""

FORGET = (
    "after:forget_fence",
    *(f"{point}_{table}" for table in TABLES for point in ("after:forget_move", "after:forget")),
    "after:forget_group",
)
"""In the order in which they are passed."""

REDEFINE = ("after:redefined",)

ABANDON = ("before:abandon_delete", "after:abandon_delete")

MAINTENANCE = (
    "before:prune",
    "after:prune",
    *(
        f"{point}_{table}"
        for table in SCHEMAS
        for point in (
            "before:compact",
            "after:compact",
            "before:vacuum",
            "after:vacuum",
            "before:log_checkpoint",
            "before:log_cleanup",
            "after:log_cleanup",
        )
    ),
)

ALL = (*RUN, *AVERAGES_ONLY, *ABANDON, *REDEFINE, *REPUBLISH, *FORGET, *MAINTENANCE)


def in_source(folder: Path = SOURCE) -> set[str]:
    """The points that the source names; one that is made of a table's name stands for all tables."""
    return {point for file in sorted(folder.rglob("*.py")) for point in _points(ast.parse(file.read_text()))}


def _points(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id="fault"), args=[ast.Constant(value=str(point))]):
                yield point
            case ast.Call(func=ast.Name(id="fault"), args=[ast.JoinedStr(values=[ast.Constant(value=str(start)), _])]):
                yield from (f"{start}{table}" for table in SCHEMAS)
            case ast.Call(func=ast.Name(id="fault")):
                raise ValueError(f"line {node.lineno}: a fault point is a text, or a text and a table's name at its end")

"""Where a test can end the program: every fault point of the source, by the story that passes it, with the kill points that it
is.

The stories of maintenance, of abandoning, of another definition and of publishing again are read from the source. By hand are
those of which tests need the order in which several files are passed, or the rows of failure modes. A point that is new there has
to be entered here, or `tests/unit/house/test_fault_points.py` fails; entered, it is a case of the tests that kill at every point.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.daily_tables import SCHEMAS, TABLES

SOURCE = Path(__file__).parent.parent.parent / "spark_jobs"

RUN = {
    "before:lock": ["K01"],
    "before:fence": ["K02"],
    "after:fence": ["K04", "F40"],
    "after:checkpoints_read": ["K04"],
    "after:ends_resolved": ["K05"],
    "before:plan_commit": ["K06"],
    "after:plan_commit": ["K07", "F45"],
    "before:columns": ["K07"],
    "after:columns": ["K07"],
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

FORGET = (
    "after:forget_fence",
    *(f"{point}_{table}" for table in TABLES for point in ("after:forget_move", "after:forget")),
    "after:forget_group",
)
"""In the order in which they are passed."""


def in_source(place: Path = SOURCE) -> list[str]:
    """The points that a file or a folder of the source names, in the order of their lines; one that is made of a table's name
    stands for all tables.
    """
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [point for file in files for point in _points(ast.parse(file.read_text()))]


def _points(module: ast.Module) -> Iterator[str]:
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and ast.unparse(node.func) == "fault"]
    for call in sorted(calls, key=lambda one: one.lineno):
        match call.args:
            case [ast.Constant(value=str(point))]:
                yield point
            case [ast.JoinedStr(values=[ast.Constant(value=str(start)), _])]:
                yield from (f"{start}{table}" for table in SCHEMAS)
            case _:
                raise ValueError(f"line {call.lineno}: a fault point is a text, or a text and a table's name at its end")


REPUBLISH = tuple(in_source(SOURCE / "run" / "republish.py"))
"""Before the points of the transaction, which it shares with a run."""

_DECISIONS = in_source(SOURCE / "run" / "decisions.py")
ABANDON = tuple(point for point in _DECISIONS if "abandon" in point)
REDEFINE = tuple(point for point in _DECISIONS if "redefine" in point)

MAINTENANCE = tuple(in_source(SOURCE / "maintenance"))

COMMIT = tuple(in_source(SOURCE / "lake" / "tables.py"))
"""Around each commit of a table, inside the windows of all others: simulated worlds end runs there, and let the store refuse."""

ALL = (*RUN, *AVERAGES_ONLY, *ABANDON, *REDEFINE, *REPUBLISH, *FORGET, *MAINTENANCE, *COMMIT)

"""Makes `docs/failures.md` and `docs/faults.md` of what a `make faults` left in `reports/`: `python -m tests.fault_docs`."""

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.fault_report import DOCS, REPORTS

MODES = Path(__file__).parent / "faults" / "failure_modes.yaml"
SHOWN = 3
ROW = re.compile(r"'([FKC]\d{1,3})'")
TESTS = Path(__file__).parent

HEAD = """# Failure modes, and the tests that prove them harmless

This page lists what is known to go wrong in such a pipeline, what Dayfold does about it, and the tests that show it. Do not edit
it: `make faults-docs` makes it from the last recorded run of `make faults` ([its summary](faults.md)).
[design.md](design.md) explains the words. A row names the tests that carry its name as a mark. The last column is how many of
their cases passed in that run; it is empty where tests of `make test` and `make test-long` show it, which are no fault cases.

## Invariants

Every case compares these with an oracle in plain Python that knows the messages sent:

| invariant | after any number of runs, kills and retries, once one run has ended normally |
|---|---|
| I1 completeness | every visible record between the first start and the last end is in `records` once (with `records: off`: every rejected record is, and all records are counted once) |
| I2 no invention | nothing else is in `records` |
| I3 aggregates | `contributions` and `daily_averages` are the exact sums, compared with `=` |
| I4 publication | a read_committed reader sees the averages of each batch once, with their values after that batch, and batches in order |
| I5 progress | batch numbers have no holes; stored ends and the group's offsets are the planned ends |
| I6 co-partitioning | an average is in the partition that its records were read from |
| I7 isolation | no reader ever sees half a batch of one table or topic, and all readers see the same |
| I8 honesty | exit 0 means a DONE row or nothing to do, and every lost offset is a row |

## How to repeat

Each failure prints its seed and the command that repeats it.

| command | runs |
|---|---|
| `make faults` | everything; the recorded run had {cases} cases |
| `make test` | the telling cases on real parts: a kill behind each step that leaves something else, real kills where the tables and Kafka disagree, some faults of network, disk and topics; all other points of a run in simulated worlds |
| `make soak MINUTES=10` | batches, with a random fault in every second one |
| `make defects` | a program that is broken on purpose, one rule at a time, and expects a test to notice |
"""  # noqa: E501 - a page


def main() -> int:
    cases = json.loads((REPORTS / "faults.json").read_text())
    modes = yaml.safe_load(MODES.read_text())
    (DOCS / "faults.md").write_text("# The last recorded run of `make faults`\n\n" + (REPORTS / "faults.md").read_text())
    (DOCS / "failures.md").write_text(failures_page(modes, cases))
    print("written")
    return 0


def failures_page(modes: Mapping[str, Mapping[str, list[str]]], cases: list[dict[str, Any]]) -> str:
    lines = [HEAD.format(cases=len(cases))]
    for title, rows in modes.items():
        lines += [
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| | what goes wrong | what the program does | test | passed |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(row, words, [case for case in cases if row in case["rows"]]) for row, words in rows.items()]
        lines.append("")
    return "\n".join(lines)


def _line(row: str, words: list[str], cases: list[dict[str, Any]]) -> str:
    passed = sum(case["outcome"] == "passed" for case in cases)
    result = f"{passed} of {len(cases)}" if cases else ""
    what, does, *why_not = words
    tests = _tests(case["id"] for case in cases) or (f"none: {why_not[0]}" if why_not else _tests(marked_tests().get(row, [])))
    return f"| {row} | {what} | {does} | {tests} | {result} |"


@cache
def marked_tests(folder: Path = TESTS) -> Mapping[str, list[str]]:
    """The tests that carry a row's name, by the row, as pytest names them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for test in ast.parse(path.read_text()).body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                for row in dict.fromkeys(row for mark in test.decorator_list for row in ROW.findall(ast.unparse(mark))):
                    found[row].append(f"tests/{path.relative_to(folder)}::{test.name}")
    return found


def _tests(ids: Iterable[str]) -> str:
    """The tests' names, without their parameters."""
    names = list(dict.fromkeys(one.partition("[")[0] for one in ids))
    shown = [f"`{_file(name)}`: {_sentence(name)}" for name in names[:SHOWN]]
    more = f"; {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(shown) + more


def _file(name: str) -> str:
    return name.partition("::")[0].removeprefix("tests/").removesuffix(".py")


def _sentence(name: str) -> str:
    return name.rpartition("::")[2].removeprefix("test_").replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())

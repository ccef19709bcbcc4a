"""What `make faults` tells: a line of progress while it runs, then a summary per group and the last result of each row.

The results of a run become `docs/faults.md`, and `docs/failures.md` is made from them, from `failure_modes.yaml`
beside this file and from the `proves` marks of the tests.
"""

import json
import os
import platform
import re
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.violations import Violation

PROJECT = Path(__file__).parent.parent
REPORTS = PROJECT / "reports"
DOCS = PROJECT / "docs"
JSON, TEXT = REPORTS / "faults.json", REPORTS / "faults.md"
INVARIANTS = tuple(f"I{number}" for number in range(1, 9))
GROUPS = {
    "CR": "crashes",
    "BF": "broker and network",
    "KO": "offsets and topics",
    "CC": "two runs at once",
    "DF": "disk and tables",
    "FZ": "messages",
    "SE": "security",
    "AF": "Airflow",
    "SC": "simulated cluster",
    "DA": "declared aggregates",
}


@dataclass
class Case:
    """One test of the suite and how it ended."""

    id: str
    group: str = ""
    rows: tuple[str, ...] = ()
    seconds: float = 0.0
    outcome: str = "passed"
    invariant: str = ""
    again: bool = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write on each report what the summary needs: a worker process hands on reports, not tests."""
    report = yield
    report.user_properties.append(("fault", {"group": group_of(item), "rows": rows_of(item)}))
    if report.failed:
        error = call.excinfo.value if call.excinfo else None
        report.user_properties.append(("invariant", error.invariant if isinstance(error, Violation) else ""))
        again = f".venv/bin/pytest '{plain(item.nodeid)}' --thorough --seed {item.config.getoption('seed')}"
        report.sections.append(("to repeat it", again))
    return report


@dataclass(eq=False)
class FaultReport:
    """The pytest plugin of `make faults`, in the process that the user started."""

    config: pytest.Config
    cases: dict[str, Case] = field(default_factory=dict)
    done: int = 0
    count: int = 0
    begun: float = field(default_factory=time.monotonic)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.count = self.count or len(session.items)

    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self.count = len(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = plain(report.nodeid)
        case = self.cases.setdefault(name, Case(name))
        told: dict[str, Any] = dict(report.user_properties)
        case.group, case.rows = told["fault"]["group"], tuple(told["fault"]["rows"])
        case.seconds += report.duration
        if report.failed:
            case.outcome = "failed"
            case.invariant = told["invariant"] or case.invariant
            # At once: somebody who waits for an hour should not wait for this as well.
            print(f"\nFAILED {name}: {_reason(report)}", file=sys.__stderr__, flush=True)
        if report.when == "teardown":
            self.done += 1
            self._say_how_far(name)

    def _head(self) -> str:
        """What was run, when and where, for a reader who wants the same again."""
        part, parts = part_of(self.config.getoption("part"))
        which = f" PART={part}/{parts}" if parts > 1 else ""
        chosen = self.config.getoption("markexpr")
        only = f", only cases that are {chosen}" if chosen else ""
        return (
            f"`make faults{which}`{only}, seed {self.config.getoption('seed')}, on {datetime.now(UTC):%Y-%m-%d}, "
            f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}: "
            f"{(time.monotonic() - self.begun) / 60:.0f} minutes."
        )

    def _told(self) -> tuple[str, list[Case]]:
        """Head and cases of the report: of this run, or of the runs before with what this one knows better."""
        mine = list(self.cases.values())
        if self.config.getoption("lf"):
            for case in mine:
                case.again = True
            return reported_head(), joined(reported_cases(), mine)
        if part_of(self.config.getoption("part"))[0] > 1:
            return f"{reported_head()}\n{self._head()}", joined(reported_cases(), mine)
        return self._head(), mine

    def _say_how_far(self, nodeid: str) -> None:
        failed = sum(case.outcome == "failed" for case in self.cases.values())
        minutes = (time.monotonic() - self.begun) / 60
        line = f"{self.done}/{self.count} cases, {failed} failed, {minutes:.1f} min, last: {nodeid.rpartition('::')[2]}"
        on_terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
        if on_terminal or self.done % 20 == 0 or self.done == self.count:
            print(
                f"\r{line[:150]:150}" if on_terminal else line, file=sys.__stderr__, end="" if on_terminal else "\n", flush=True
            )

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dot for a passed test: the line of progress says it."""
        if not report.passed:
            return None
        return (report.outcome, "", "") if report.when == "call" else ("", "", "")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        REPORTS.mkdir(exist_ok=True)
        head, cases = self._told()
        JSON.write_text(json.dumps([vars(case) for case in cases], indent=1))
        TEXT.write_text(summary(cases, head))
        terminalreporter.write_line(TEXT.read_text())
        terminalreporter.write_line(f"written to {TEXT}; `make faults-docs` takes the results into docs/")


def part_of(wanted: str) -> tuple[int, int]:
    """Which part of how many is run: (1, 1) for all."""
    part, _, parts = wanted.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise pytest.UsageError(f"--part {wanted}: K/N is wanted, such as 1/2, with K from 1 to N")
    return int(part), int(parts)


def reported_head() -> str:
    """What the report in `reports/` says of its runs: all lines above its table."""
    return TEXT.read_text().partition("\n\n")[0]


def reported_cases() -> list[Case]:
    return [Case(**one) for one in json.loads(JSON.read_text())]


def joined(before: Sequence[Case], newer: Sequence[Case]) -> list[Case]:
    """Each case once, with its newest result."""
    return list({case.id: case for case in (*before, *newer)}.values())


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).partition("\n")[0][:300]


def plain(nodeid: str) -> str:
    """Without the name of the worker's group that pytest-xdist hangs on it."""
    return re.sub(r"@[\w -]+$", "", nodeid)


def group_of(item: pytest.Item) -> str:
    marker = item.get_closest_marker("group")
    return str(marker.args[0]) if marker else ""


def rows_of(item: pytest.Item) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row for marker in item.iter_markers("proves") for row in marker.args))


def summary(cases: Sequence[Case], head: str) -> str:
    """The table of a run: cases, broken invariants and seconds per group; below it what failed at first."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.group].append(case)
    groups = {name: groups[name] for name in GROUPS if name in groups}
    lines = [
        head,
        "",
        f"| group | cases | failed | {' | '.join(INVARIANTS)} | seconds |",
        f"|---|---|---|{'---|' * len(INVARIANTS)}---|",
    ]
    everything = [case for found in groups.values() for case in found]
    lines += [_line(f"{name} {GROUPS[name]}", found) for name, found in groups.items()]
    again = [f"- {case.id}: {case.outcome}" for case in everything if case.again]
    told = ["", "Failed in that run, and were run again after a change:", "", *again] if again else []
    return "\n".join([*lines, _line("**all**", everything), *told, ""])


def _line(name: str, cases: list[Case]) -> str:
    failed = [case for case in cases if case.outcome == "failed"]
    broken = [sum(case.invariant == invariant for case in failed) for invariant in INVARIANTS]
    seconds = sum(case.seconds for case in cases)
    return f"| {name} | {len(cases)} | {len(failed)} | {' | '.join(map(str, broken))} | {seconds:,.0f} |"

"""Tables of what was measured, as Markdown beside the plots and for a terminal; `python -m benchmarks.report` takes them into
docs/.

Only runs that were right count. Everything in the page comes from `results.json`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from benchmarks import plots
from benchmarks.contestants.catalogue import CONTESTANTS
from benchmarks.goals import GOALS, MISSED, OURS, Goal, rate
from benchmarks.results import Measured, Results, Spread, seconds
from benchmarks.works import WORKS
from spark_jobs.base.project import PROJECT

COLUMNS = (
    *("contestant", "wall, s", "against Dayfold", "processor, s", "records / s"),
    *("Python, MiB", "JVM, MiB", "written, MB", "kept, MB (files)"),
)
DOCS, BEGIN, END = PROJECT / "docs", "<!-- benchmark: begin -->\n", "<!-- benchmark: end -->\n"
FOLDER = PROJECT / "data" / "bench"


def write(results: Results, folder: Path) -> None:
    """The page and its plots."""
    drawn = plots.draw_all(results, folder)
    (folder / "report.md").write_text("\n".join(page(results, drawn)))


def page(results: Results, drawn: list[str]) -> Iterator[str]:
    """Lines of the page."""
    works = [results.works[name] for name in WORKS if name in results.works]
    yield from _machines(works)
    yield from [
        "",
        "| goal: ratio of medians, unless it says what | at most | measured | | why it was missed, and what comes next |",
        "|---|---|---|---|---|",
    ]
    yield from (_goal_row(goal, results) for goal in GOALS)
    yield from (f"\n![{name}](benchmark/{name}.png)" for name in drawn)
    for work in works:
        for idle in sorted({run.idle for run in work.runs if run.number}):
            yield from _work_lines(work, idle)


def _machines(works: list[Measured]) -> Iterator[str]:
    """A table for each machine, with what was measured there at which commit."""
    commits: dict[tuple[tuple[str, str], ...], dict[str, list[str]]] = {}
    for work in works:
        facts = work.machine
        machine: tuple[tuple[str, str], ...] = (
            ("machine", f"{facts['processor']}, {facts['cores']} cores, {facts['memory']}"),
            ("---", "---"),
            ("system", facts["system"]),
            ("Java", facts["java"]),
            ("Python", f"{facts['python']}; {facts['packages']}"),
        )
        commits.setdefault(machine, {}).setdefault(facts["commit"], []).append(work.name)
    for number, (machine, measured) in enumerate(commits.items()):
        yield from [""] if number else []
        yield from (f"| {name} | {what} |" for name, what in machine)
        yield from (f"| measured at {commit} | {', '.join(names)} |" for commit, names in measured.items())


def _goal_row(goal: Goal, results: Results) -> str:
    ratio = goal.ratio(results)
    limit = f"at least {goal.limit}" if goal.floor else str(goal.limit)
    verdict = goal.verdict(results)
    why = goal.remark if verdict == MISSED else ""
    return f"| {goal.work} | {limit} | {'' if ratio is None else f'{ratio:.2f}'} | {verdict} | {why} |"


def _work_lines(work: Measured, idle: bool) -> Iterator[str]:
    yield f"\n### {_title(work, idle)}\n"
    yield f"{work.at[:10]}; load of the machine before each run: {_load(work)}.\n"
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" + "|---:" * (len(COLUMNS) - 1) + "|"
    for row in _rows(work, idle):
        yield "| " + " | ".join(row) + " |"
    yield from (f"\nWithout {CONTESTANTS[name].title}: {reason}." for name, reason in work.missing.items())
    yield from (f"\nNot counted: {objection}" for objection in work.objections)


def _title(work: Measured, idle: bool) -> str:
    return f"{work.title}: the runs that found nothing" if idle else work.title


def _load(work: Measured) -> str:
    loads = [run.load for run in work.runs]
    return f"{min(loads):.1f} to {max(loads):.1f}" if loads else "unknown"


def _rows(work: Measured, idle: bool) -> Iterator[tuple[str, ...]]:
    names = dict.fromkeys(name for name in CONTESTANTS if work.counting(name, idle))
    for name in names:
        yield _row(work, name, idle)


def _ours(work: Measured, idle: bool) -> str:
    """What the others are compared with: the first of ours that took part."""
    return next((name for name in CONTESTANTS if name.startswith(OURS) and work.counting(name, idle)), OURS)


def _row(work: Measured, name: str, idle: bool) -> tuple[str, ...]:
    wall, ours = work.spread(name, seconds, idle), work.spread(_ours(work, idle), seconds, idle)
    last = work.counting(name, idle)[-1]
    assert wall is not None
    return (
        CONTESTANTS[name].title,
        _spread(wall),
        f"{wall.middle / ours.middle:.2f}" if ours else "",
        _middle(work, name, idle, lambda run: run.measured.cpu_seconds),
        "" if idle else _middle(work, name, idle, rate, digits=0),
        _middle(work, name, idle, lambda run: run.measured.python_bytes / 2**20, digits=0),
        _middle(work, name, idle, lambda run: run.measured.java_bytes / 2**20, digits=0),
        _middle(work, name, idle, lambda run: run.measured.written_bytes / 1e6),
        f"{last.kept.bytes / 1e6:,.1f} ({last.kept.files:,})",
    )


def _middle(work: Measured, name: str, idle: bool, of: "plots.OfRun", digits: int = 1) -> str:
    spread = work.spread(name, of, idle)
    assert spread is not None
    return f"{spread.middle:,.{digits}f}"


def _spread(spread: Spread) -> str:
    if spread.runs == 1:
        return f"{spread.middle:,.1f}"
    return f"{spread.middle:,.1f} ({spread.least:,.1f} to {spread.most:,.1f})"


def terminal_table(work: Measured) -> Table:
    """The same rows, for a terminal."""
    table = Table(title=work.title, title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == COLUMNS[0] else "right")
    for idle in sorted({run.idle for run in work.runs if run.number}):
        for row in _rows(work, idle):
            table.add_row(row[0] + (", nothing new" if idle else ""), *row[1:])
    return table


def publish(folder: Path, docs: Path) -> None:
    """Take results, plots and page into the documents; the page stands in performance.md between two marks."""
    target = docs / "benchmark"
    target.mkdir(exist_ok=True)
    for old in target.glob("*.png"):
        old.unlink()
    for made in [folder / "results.json", *folder.glob("*.png")]:
        shutil.copy(made, target / made.name)
    document = docs / "performance.md"
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(before + BEGIN + (folder / "report.md").read_text() + "\n" + END + after)


if __name__ == "__main__":
    write(Results.load(FOLDER / "results.json"), FOLDER)
    publish(FOLDER, DOCS)

"""Parts of the demo that need neither Kafka nor Airflow: what it remembers, its plot,
and its comparison of a batch with its plan.
"""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from spark_jobs.local.demo.check import Total, unlike_planned
from spark_jobs.local.demo.plot import LIGHT, Captions, draw
from spark_jobs.local.demo.steps import Step, StepKind, Steps
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.offsets import OffsetRange
from tests.ledger_rows import stored_row

FIRST = date(2008, 1, 1)
NEWEST = tuple(FIRST + timedelta(days=number) for number in (98, 99))
CAPTIONS = Captions("title", "source", "price", "$", NEWEST)


def step(kind: StepKind, name: str, seconds: float = 1.0) -> Step:
    return Step(kind, name, "2026-01-01 12:00:00", seconds, 0)


def totals(*numbers: int) -> dict[date, Total]:
    """A reading of each of these days, counted from the first."""
    return {FIRST + timedelta(days=number): Total(Decimal(number), 1, Decimal(number), Decimal(number)) for number in numbers}


def test_steps_are_remembered_and_only_the_newest_run_without_anything_to_do_is(tmp_path: Path) -> None:
    steps = Steps.of(tmp_path / "demo" / "steps.json")
    done = [step("load", "load"), step("killed", "run 1"), step("resumed", "run 2"), step("averaged", "run 3")]
    for one in [*done, step("idle", "run 4", 5.0)]:
        steps.add(one)
    again = Steps.of(tmp_path / "demo" / "steps.json")
    assert again.all == (*done, step("idle", "run 4", 5.0))
    assert (again.next_run, again.killed) == (4, done[1])
    again.add(step("idle", "run 4", 7.0))
    assert Steps.of(tmp_path / "demo" / "steps.json").all == (*done, step("idle", "run 4", 7.0))


def test_steps_of_a_demo_whose_topic_is_gone_and_of_another_version_are_forgotten(tmp_path: Path) -> None:
    steps = Steps.of(tmp_path / "steps.json")
    steps.add(step("killed", "run 1"))
    steps.clear()
    assert (Steps.of(tmp_path / "steps.json").all, steps.next_run, steps.killed) == ((), 1, None)
    (tmp_path / "steps.json").write_text('[{"name": "of before", "pace": 1}]')
    assert Steps.of(tmp_path / "steps.json").all == ()


def test_the_plot_bridges_no_day_without_readings() -> None:
    above, below = draw(totals(*range(40), 60, *range(70, 93), 95, 98, 99), CAPTIONS, LIGHT).axes
    drawn = {float(x): y for x, y in zip(*line_of(above), strict=True)}
    missing = [*range(40, 60), *range(61, 70), 93, 94, 96, 97]
    assert [day for day, y in enumerate(drawn.values()) if np.isnan(y)] == missing
    assert len(drawn) == 100
    assert [y for y in line_of(below)[1] if not np.isnan(y)] == [*range(70, 93), 95, 98, 99]
    assert len(line_of(below)[0]) == 30


def line_of(axes: object) -> tuple[list[float], list[float]]:
    """Days and averages of the first line."""
    line = axes.lines[0]  # type: ignore[attr-defined]
    return list(line.get_xdata().astype(float)), list(line.get_ydata())


def test_both_panels_mark_the_days_of_the_second_load_whatever_was_sent_after_them() -> None:
    above, below = draw(totals(*range(100), 5000), CAPTIONS, LIGHT).axes
    for axes in (above, below):
        (marked,) = [one for one in axes.collections if "second load" in str(one.get_label())]
        assert np.asarray(marked.get_offsets())[:, 1].tolist() == [98, 99]
        assert axes.get_ylabel() == "price ($)"
    assert line_of(below)[1] == [*range(70, 100)]


def row(state: str, run_id: str) -> LedgerRow:
    return stored_row(state, {}, run_id=run_id, ranges=(OffsetRange(0, 0, 3), OffsetRange(1, 5, 6)))


def test_a_resumed_batch_is_compared_with_its_plan() -> None:
    whole = pa.table({"partition": [0, 0, 0, 1, 1], "batch": [1, 1, 1, 1, 2]})
    rows = [row("PLANNED", "killed"), row("DONE", "next")]
    assert list(unlike_planned(1, rows, whole)) == []
    assert list(unlike_planned(None, [], whole)) == []
    (short,) = unlike_planned(1, rows, whole.slice(1))
    assert short == "batch 1: of partition 0 3 offsets were planned, the table records holds 2 records"
    (same,) = unlike_planned(1, [row("PLANNED", "one"), row("DONE", "one")], whole)
    assert same == "batch 1: the run that planned it was killed, yet it is said to have finished it (one)"

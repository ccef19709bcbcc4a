"""The plots: each work's seconds by contestant, how they grow with partitions, and from run to run."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contestants.catalogue import CONTESTANTS
from benchmarks.results import Measured, Results, seconds
from benchmarks.session import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OfRun = Callable[[Run], float]
OURS_COLOUR, OTHER_COLOUR, FLOOR_COLOUR = "#1f4e8c", "#8fb1d9", "#d9dee4"
MANY_RUNS = 20
PARTITIONS = {1: "partitions_1", 4: "two_million", 64: "partitions_64", 512: "partitions_512"}


def draw_all(results: Results, folder: Path) -> list[str]:
    """Draw what there are results for as PNG files; their names without ending."""
    # Matplotlib keeps a cache of fonts; it belongs beside what it is used for, not into the user's home.
    os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))
    drawn = []
    for name, work in results.works.items():
        if len(work.runs) and max(run.number for run in work.runs) >= MANY_RUNS:
            drawn.append(_save(folder, name, work.title, (7.5, 3.6), partial(_runs_in_a_row, work=work)))
        elif any(run.contestant.startswith("ours") and not run.objection for run in work.runs):
            height = 1.2 + 0.32 * len({run.contestant for run in work.runs})
            drawn.append(_save(folder, name, work.title, (7.5, height), partial(_bars, work=work)))
        if len(work.history_steps) >= MANY_RUNS:
            title = "seconds of each step of a batch of 5,760 records, in one warm process"
            drawn.append(_save(folder, f"{name}_history", title, (7.5, 3.6), partial(_steps, steps=work.history_steps)))
    if len(_by_partitions(results, "ours")) > 1:
        drawn.append(
            _save(folder, "partitions", "two million records by partitions", (7.5, 3.2), partial(_partitions, results=results))
        )
    return drawn


def _save(folder: Path, name: str, title: str, inches: tuple[float, float], draw: "Callable[[Axes], None]") -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=110, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.set_title(title, loc="left", fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(folder / f"{name}.png")
    return name


def _bars(axes: "Axes", work: Measured) -> None:
    """Medians, with a line from the least to the greatest."""
    spreads = {name: spread for name in CONTESTANTS if (spread := work.spread(name, seconds))}
    names = sorted(spreads, key=lambda name: -spreads[name].middle)
    middles = [spreads[name].middle for name in names]
    errors = [
        [spreads[name].middle - spreads[name].least for name in names],
        [spreads[name].most - spreads[name].middle for name in names],
    ]
    axes.barh([CONTESTANTS[name].title for name in names], middles, xerr=errors, color=list(map(_colour, names)), height=0.7)
    for place, name in enumerate(names):
        axes.text(spreads[name].most, place, f"  {spreads[name].middle:,.1f}", va="center", fontsize=8)
    axes.set_xlabel("seconds from start to exit")
    axes.margins(x=0.12)


def _colour(name: str) -> str:
    if name.startswith("ours"):
        return OURS_COLOUR
    return FLOOR_COLOUR if CONTESTANTS[name].counted else OTHER_COLOUR


def _runs_in_a_row(axes: "Axes", work: Measured) -> None:
    for name, contestant in CONTESTANTS.items():
        if runs := work.counting(name):
            axes.plot([run.number for run in runs], list(map(seconds, runs)), label=contestant.title, linewidth=1.2)
    axes.set(xlabel="run", ylabel="seconds", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)


def _steps(axes: "Axes", steps: list[dict[str, float]]) -> None:
    batches = range(1, len(steps) + 1)
    for name in steps[-1]:
        axes.plot(batches, [one.get(name, 0.0) for one in steps], label=name, linewidth=0.9)
    axes.set(xlabel="batch", ylabel="seconds", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, ncols=3)


def _by_partitions(results: Results, contestant: str) -> dict[int, float]:
    spreads = {
        count: results.works[name].spread(contestant, seconds) for count, name in PARTITIONS.items() if name in results.works
    }
    return {count: spread.middle for count, spread in spreads.items() if spread}


def _partitions(axes: "Axes", results: Results) -> None:
    for name in ("ours", "streaming_averages"):
        points = _by_partitions(results, name)
        axes.plot(list(points), list(points.values()), marker="o", label=CONTESTANTS[name].title)
    axes.set(
        xlabel="partitions",
        ylabel="seconds",
        ylim=(0, None),
        xscale="log",
        xticks=list(PARTITIONS),
        xticklabels=list(map(str, PARTITIONS)),
    )
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8)

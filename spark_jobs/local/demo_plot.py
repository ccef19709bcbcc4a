"""The plot of daily averages as PNG: every day's average with its lowest and highest reading, and the trend of four weeks."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spark_jobs.local.demo_check import Total, Totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TREND_DAYS = 28
INCHES, DOTS_PER_INCH = (12.0, 5.2), 150


@dataclass(frozen=True)
class Colours:
    """Of one plot, for paper or for a dark page."""

    page: str
    text: str
    grid: str
    range: str
    day: str
    trend: str
    newest: str


LIGHT = Colours("#ffffff", "#1f2933", "#d9dee4", "#dfe8f3", "#8fb1d9", "#1f4e8c", "#c2410c")
DARK = Colours("#14181d", "#dfe5ec", "#303944", "#222d3a", "#4d74a3", "#9cc4f5", "#fb923c")


@dataclass(frozen=True)
class Captions:
    """What is written around the curves; `newest` are the last days, which are marked."""

    title: str
    source: str
    newest: int


def save_plot(path: Path, totals: Totals, captions: Captions, colours: Colours) -> None:
    """Draw daily averages in volts over time into a PNG file."""
    # Matplotlib keeps a cache of fonts; it belongs beside what it is used for, not into the user's home.
    os.environ.setdefault("MPLCONFIGDIR", str(path.parent / "matplotlib"))
    import matplotlib
    from matplotlib.figure import Figure

    beside = path.with_suffix(".part")
    with matplotlib.rc_context({"date.converter": "concise", "figure.constrained_layout.h_pad": 0.12}):
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=colours.page, layout="constrained")
        axes = figure.add_subplot()
        _draw_days(axes, totals, captions.newest, colours)
        _label(figure, axes, captions, colours)
        figure.savefig(beside, format="png", facecolor=colours.page)
    beside.replace(path)


def _draw_days(axes: "Axes", totals: Totals, newest: int, colours: Colours) -> None:
    days, rows = _dates(sorted(totals)), [totals[day] for day in sorted(totals)]
    averages = [float(row.average) for row in rows]
    lows, highs = [float(row.min) for row in rows], [float(row.max) for row in rows]
    axes.fill_between(days, lows, highs, color=colours.range, linewidth=0, label="lowest to highest reading of the day")
    axes.plot(days, averages, color=colours.day, linewidth=0.9, label="average of the day")
    if trend := trend_of(totals, TREND_DAYS):
        smooth = [float(total.average) for total in trend.values()]
        axes.plot(_dates(list(trend)), smooth, color=colours.trend, linewidth=2, label=f"average of {TREND_DAYS} days")
    if newest:
        label = f"the last {newest} days, added by the second run"
        axes.scatter(days[-newest:], averages[-newest:], label=label, color=colours.newest, s=20, zorder=5)


def _dates(days: Sequence[date]) -> "np.typing.NDArray[np.datetime64]":
    return np.array(days, dtype="datetime64[D]")


def _label(figure: "Figure", axes: "Axes", captions: Captions, colours: Colours) -> None:
    axes.set_xlabel("day of the readings", color=colours.text)
    axes.set_ylabel("voltage (V)", color=colours.text)
    axes.set_title(captions.title, loc="left", color=colours.text, fontsize=14, fontweight="bold", pad=12)
    axes.grid(visible=True, color=colours.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    axes.set_facecolor(colours.page)
    axes.tick_params(colors=colours.text, length=0)
    axes.xaxis.get_offset_text().set_color(colours.text)
    axes.spines[:].set_visible(False)
    frameless = {"frameon": False, "labelcolor": colours.text, "fontsize": 9}
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, **frameless)
    figure.supxlabel(captions.source, x=0.01, ha="left", fontsize=8, color=colours.text, alpha=0.75)


def trend_of(totals: Totals, width: int) -> Mapping[date, Total]:
    """Totals of `width` days in a row, at the day in their middle; only where all of them are there.

    All readings of those days are averaged, never the averages of days, which may hold different numbers of readings.
    """
    spans = {day: [day + timedelta(days=n - width // 2) for n in range(width)] for day in sorted(totals)}
    return {day: sum_of([totals[one] for one in span]) for day, span in spans.items() if all(one in totals for one in span)}


def sum_of(totals: Sequence[Total]) -> Total:
    """One total of several."""
    first, *others = totals
    for other in others:
        first += other
    return first

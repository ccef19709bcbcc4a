"""The plot of daily averages as PNG: all days with their lowest and highest reading and the trend of four weeks,
and the last days in large.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spark_jobs.base.wording import counted, headed
from spark_jobs.local.demo.check import Total, Totals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TREND_DAYS, LARGE_DAYS = 28, 30
INCHES, DOTS_PER_INCH = (12.0, 8.2), 150
ALL = "average of the day"
RANGE = "lowest to highest reading of the day"


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
    """What is written around the curves; `newest` are the days that the second load brought, which are marked."""

    title: str
    source: str
    value: str
    unit: str | None
    newest: tuple[date, ...]


def save_plot(path: Path, totals: Totals, captions: Captions, colours: Colours) -> None:
    """Draw daily averages over time into a PNG file."""
    # Matplotlib keeps a cache of fonts; it belongs beside what it is used for, not into the user's home.
    os.environ.setdefault("MPLCONFIGDIR", str(path.parent / "matplotlib"))
    import matplotlib

    beside = path.with_suffix(".part")
    with matplotlib.rc_context({"date.converter": "concise", "text.parse_math": False, "figure.constrained_layout.h_pad": 0.12}):
        draw(totals, captions, colours).savefig(beside, format="png", facecolor=colours.page)
    beside.replace(path)


def draw(totals: Totals, captions: Captions, colours: Colours) -> "Figure":
    """Two panels: all days, and the last ones."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=colours.page, layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    _draw_all(above, totals, captions, colours)
    _draw_last(below, _last_days(totals, captions.newest), captions, colours)
    _label(figure, (above, below), captions, colours)
    return figure


def _draw_all(axes: "Axes", totals: Totals, captions: Captions, colours: Colours) -> None:
    days = _every_day(totals)
    _draw_range(axes, days, totals, colours)
    axes.plot(_dates(days), _averages(days, totals), color=colours.day, linewidth=0.9, label=ALL)
    alone = _alone(totals)
    axes.plot(_dates(alone), _averages(alone, totals), ".", color=colours.day, markersize=3)
    if trend := trend_of(totals, TREND_DAYS):
        axes.plot(_dates(days), _averages(days, trend), color=colours.trend, linewidth=2, label=f"average of {TREND_DAYS} days")
    _mark(axes, captions.newest, totals, colours, size=14)
    axes.set_title(captions.title, loc="left", color=colours.text, fontsize=14, fontweight="bold", pad=12)


def _draw_last(axes: "Axes", totals: Totals, captions: Captions, colours: Colours) -> None:
    days = _every_day(totals)
    _draw_range(axes, days, totals, colours)
    axes.plot(_dates(days), _averages(days, totals), "o-", color=colours.day, linewidth=1.4, markersize=4)
    _mark(axes, captions.newest, totals, colours, size=44)
    title = f"The last {counted(len(days), 'day')}"
    axes.set_title(title, loc="left", color=colours.text, fontsize=11, fontweight="bold")


def _draw_range(axes: "Axes", days: Sequence[date], totals: Totals, colours: Colours) -> None:
    ends = (
        [float(totals[day].min) if day in totals else np.nan for day in days],
        [float(totals[day].max) if day in totals else np.nan for day in days],
    )
    axes.fill_between(_dates(days), *ends, color=colours.range, linewidth=0, label=RANGE)


def _mark(axes: "Axes", newest: Sequence[date], totals: Totals, colours: Colours, size: int) -> None:
    days = [day for day in newest if day in totals]
    label = f"the last {counted(len(days), 'day')}, added by the second load"
    if days:
        axes.scatter(_dates(days), _averages(days, totals), label=label, color=colours.newest, s=size, zorder=5)


def _every_day(totals: Collection[date]) -> list[date]:
    """All days from the first to the last one, also those without a reading."""
    first, last = min(totals), max(totals)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _averages(days: Sequence[date], totals: Totals) -> list[float]:
    """No number where a day has no reading, so that no line is drawn over it."""
    return [float(totals[day].average) if day in totals else np.nan for day in days]


def _alone(totals: Totals) -> list[date]:
    """Days without a neighbour, to which no line leads."""
    day = timedelta(days=1)
    return [one for one in sorted(totals) if one - day not in totals and one + day not in totals]


def _last_days(totals: Totals, newest: Sequence[date]) -> Totals:
    """The last days of the readings, or of all if none are known to be newest;
    whatever was sent besides them may be years apart.
    """
    last = max(newest, default=max(totals))
    return {day: total for day, total in totals.items() if last - timedelta(days=LARGE_DAYS) < day <= last}


def _dates(days: Sequence[date]) -> "np.typing.NDArray[np.datetime64]":
    return np.array(days, dtype="datetime64[D]")


def _label(figure: "Figure", panels: Sequence["Axes"], captions: Captions, colours: Colours) -> None:
    for axes in panels:
        axes.set_ylabel(headed(captions.value, captions.unit), color=colours.text)
        axes.grid(visible=True, color=colours.grid, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
        axes.set_facecolor(colours.page)
        axes.tick_params(colors=colours.text, length=0)
        axes.xaxis.get_offset_text().set_color(colours.text)
        axes.spines[:].set_visible(False)
    panels[-1].set_xlabel("day of the readings", color=colours.text)
    handles, labels = panels[0].get_legend_handles_labels()
    frameless = {"frameon": False, "labelcolor": colours.text, "fontsize": 9}
    panels[-1].legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=4, **frameless)
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

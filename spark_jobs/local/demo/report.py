"""What the demo shows at its end: the same tables on the terminal and, with the plot, on one HTML page without outside links."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from rich.console import Group

from spark_jobs.answers.status import Status
from spark_jobs.base.plain_tables import Column, plain_table
from spark_jobs.base.wording import counted, headed, measured, printable
from spark_jobs.local.demo.check import CheckVerdict, Totals
from spark_jobs.local.demo.plot import DARK, LIGHT, Captions, save_plot
from spark_jobs.local.demo.plot import sum_of as sum_of_days
from spark_jobs.local.demo.steps import Step
from spark_jobs.progress.ledger import Done

NEWEST_DAYS = 7
PARTS = ("records", "contributions", "averages", "publish")
"""What the checkpoints time of a batch, in the order of the steps."""
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1f2933; --soft: #5b6875; --line: #d9dee4; --good: #15803d; --code: #f1f4f7 }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --text: #dfe5ec; --soft: #97a3b0; --line: #303944; --good: #4ade80; --code: #1f262e }
}
body { margin: 2.5rem auto; max-width: 70rem; padding: 0 1.5rem; background: var(--page); color: var(--text);
       font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
h1 { font-size: 1.7rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem } p { margin: .3rem 0 }
.soft { color: var(--soft) } ul.proof { list-style: none; padding: 0; margin: 1rem 0 }
ul.proof li::before { content: "✓ "; color: var(--good); font-weight: 700 }
img { width: 100%; height: auto; margin: 1rem 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: 600 } .number { text-align: right; white-space: nowrap }
pre { background: var(--code); padding: .7rem .9rem; border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 1rem }
"""  # noqa: E501 - a page


@dataclass(frozen=True)
class Sheet:
    """A table to look at. Columns named in `texts` hold text, the others numbers;
    a terminal has no room for those named in `wide`.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hint:
    """Something to try next: what it shows, and the command."""

    what: str
    command: str


@dataclass(frozen=True)
class Report:
    """Everything that is shown. `newest` are the days that the second load brought;
    `places` are lines such as where the tables are.
    """

    title: str
    captions: Captions
    verdict: CheckVerdict
    sheets: tuple[Sheet, ...]
    places: Mapping[str, str]
    hints: tuple[Hint, ...] = field(default=())


def step_sheet(steps: Sequence[Step]) -> Sheet:
    """One row per step, of this start or an earlier one, with its pace."""
    rows = [(one.name, one.at, f"{one.seconds:,.1f}", f"{one.records:,}", _pace(one), one.facts) for one in steps]
    columns = ("step", "done at (UTC)", "seconds", "records", "records/s", "what is known of it")
    return Sheet("What was done", columns, rows, frozenset({"step", "what is known of it"}), frozenset({"done at (UTC)"}))


def _pace(step: Step) -> str:
    return f"{step.records / step.seconds:,.0f}" if step.records and step.seconds else ""


def batch_sheet(done: Iterable[Done]) -> Sheet:
    """One row per finished batch, of this start or an earlier one, with the seconds of its steps."""
    rows = [
        (
            f"{row.batch}",
            f"{row.at:%Y-%m-%d %H:%M:%S}",
            f"{sum(one.read for one in row.counts):,}",
            f"{row.published or 0:,}",
            ", ".join(f"{part} {row.seconds[part]:.1f}" for part in PARTS if part in row.seconds),
        )
        for row in done
    ]
    columns = ("batch", "done at (UTC)", "read", "published", "seconds of its steps")
    return Sheet("Batches in the checkpoint table", columns, rows, frozenset({"seconds of its steps"}))


def newest_sheet(totals: Totals, unit: str | None) -> Sheet:
    """The newest daily averages over all partitions: sum divided by count, never an average of averages."""
    newest = sorted(totals, reverse=True)[:NEWEST_DAYS]
    rows = [
        (day.isoformat(), f"{one.average:.6f}", f"{one.count:,}", f"{one.min:.2f}", f"{one.max:.2f}")
        for day, one in ((day, totals[day]) for day in newest)
    ]
    columns = ("day", headed("average", unit), "readings", headed("lowest", unit), headed("highest", unit))
    return Sheet("The newest daily averages", columns, rows, frozenset({"day"}))


def offset_sheet(status: Status) -> Sheet:
    """Where the pipeline stands in each partition."""
    rows = [
        tuple("-" if n is None else f"{n:,}" for n in (one.partition, one.stored, one.group, one.stable, one.lag))
        for one in status.partitions
    ]
    columns = ("partition", "next offset", "consumer group", "end of the topic", "lag")
    after = f" after batch {status.last_done.batch}" if status.last_done else ""
    return Sheet(f"Offsets of {status.topic}{after}", columns, rows)


def on_terminal(sheet: Sheet) -> Group:
    """The sheet for a terminal."""
    shown = [number for number, name in enumerate(sheet.columns) if name not in sheet.wide]
    names = [sheet.columns[number] for number in shown]
    columns = [Column(name, is_text=name in sheet.texts, whole=name not in sheet.texts) for name in names]
    return plain_table(sheet.title, columns, [[row[number] for number in shown] for row in sheet.rows])


def save_page(folder: Path, report: Report) -> tuple[Path, Path]:
    """Draw the plot and write the page; where the picture and the page are."""
    light, dark, page = folder / "daily_voltage.png", folder / "daily_voltage_dark.png", folder / "daily_voltage.html"
    save_plot(light, report.verdict.totals, report.captions, LIGHT)
    save_plot(dark, report.verdict.totals, report.captions, DARK)
    beside = page.with_suffix(".part")
    beside.write_text(_html(report, light.read_bytes(), dark.read_bytes()), encoding="utf-8")
    beside.replace(page)
    return light, page


def _html(report: Report, light: bytes, dark: bytes) -> str:
    totals = report.verdict.totals
    total = sum_of_days(list(totals.values()))
    parts = [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="soft">{counted(total.count, "reading")} of {counted(len(totals), "day")}, {min(totals)} to {max(totals)}, '
        f"{escape(measured(f'{total.average:.2f}', report.captions.unit))} on average</p>",
        f'<ul class="proof">{"".join(f"<li>{_plain(one)}</li>" for one in report.verdict.sentences)}</ul>',
        _picture(light, dark),
        *map(html_table, report.sheets),
        "<h2>Where it is</h2>",
        _html_rows(
            [(f"<td>{_plain(name)}</td>", f"<td><code>{_plain(place)}</code></td>") for name, place in report.places.items()]
        ),
        "<h2>Things to try next</h2>",
        *(f"<p>{escape(hint.what)}</p><pre><code>{escape(hint.command)}</code></pre>" for hint in report.hints),
        f'<p class="soft">{escape(report.captions.source)}</p>',
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(report.title)}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _picture(light: bytes, dark: bytes) -> str:
    day, night = (f"data:image/png;base64,{base64.b64encode(image).decode()}" for image in (light, dark))
    what = "Average of each day over time, with the lowest and highest reading of the day; below it the last days in large"
    return f'<picture><source srcset="{night}" media="(prefers-color-scheme: dark)"><img src="{day}" alt="{what}"></picture>'


def _plain(text: str) -> str:
    """For the page: no element, and every character can be seen."""
    return escape(printable(text))


def html_table(sheet: Sheet) -> str:
    kinds = ["" if name in sheet.texts else ' class="number"' for name in sheet.columns]
    head = [tuple(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, sheet.columns, strict=True))]
    body = [tuple(f"<td{kind}>{_plain(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) for row in sheet.rows]
    return f"<h2>{escape(sheet.title)}</h2>{_html_rows(head + body)}"


def _html_rows(rows: Sequence[tuple[str, ...]]) -> str:
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{lines}</table></div>'

"""What somebody watching a longer command sees: one line for each thing done, and on a terminal what is going on meanwhile.

In a log there are no bars and nothing is redrawn: a line when something begins and a line when it is done.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

REFRESHES_PER_SECOND = 8
WIDTH = 24
LOG_LINES = 4
"""How many lines a log gets while something is counted."""


@dataclass
class Clock:
    """Seconds since it was made; stands still once stopped."""

    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        return (time.monotonic() if self.ended is None else self.ended) - self.begun

    def stop(self) -> None:
        self.ended = time.monotonic()


@dataclass(frozen=True)
class Screen:
    """Lines on a console, of which a terminal shows the current one alive."""

    console: Console

    def say(self, text: str = "", style: str = "") -> None:
        """Some text; no part of it is taken for markup."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def done(self, what: str, facts: str, seconds: float | None = None) -> None:
        """The line that stays of something done."""
        line = Text.assemble(("✓ ", "green"), (f"{what:<{WIDTH}} ", "bold"), facts)
        if seconds is not None:
            line.append(f"  {seconds:,.1f} s", "dim")
        self.console.print(line, soft_wrap=True, highlight=False)

    @contextmanager
    def waiting(self, what: str, news: Callable[[], str] = str) -> Iterator[Clock]:
        """While something is waited for; `news` is asked again and again what is going on."""
        clock = Clock()
        if not self.console.is_terminal:
            self.say(f"  {what} ...")
            yield clock
            clock.stop()
            return
        spinner = Spinner("dots", style="cyan")

        def current() -> Table:
            line = Table.grid(padding=(0, 1))
            line.add_column(no_wrap=True)
            line.add_column(no_wrap=True, overflow="ellipsis")
            text = Text.assemble((f"{what:<{WIDTH}} ", "bold"), (f"{clock.seconds:4.0f} s  ", "dim"), news())
            line.add_row(spinner, text)
            return line

        with Live(console=self.console, get_renderable=current, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
            yield clock
        clock.stop()

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """While `total` records are dealt with; yields what to call with how many are done so far."""
        if not self.console.is_terminal:
            yield self._counting_lines(what, total)
            return
        columns = (
            SpinnerColumn(style="cyan"),
            TextColumn(f"[bold]{what:<{WIDTH}}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task("", total=total)
            yield lambda so_far: progress.update(task, completed=so_far)

    def _counting_lines(self, what: str, total: int) -> Callable[[int], None]:
        shown = 0

        def show_part(so_far: int) -> None:
            nonlocal shown
            part = so_far * LOG_LINES // total
            if shown < part < LOG_LINES:
                shown = part
                self.say(f"  {what}: {so_far:,} of {total:,}")

        self.say(f"  {what} ...")
        return show_part

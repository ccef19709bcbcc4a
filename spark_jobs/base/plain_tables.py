"""The one way in which tables of ours are made and printed. A cell is text:
nothing in it is taken for markup, a colour or a line's end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from spark_jobs.base.wording import printable

Cell = str | tuple[str, ...]
"""A text, or several of which each has a line of its own."""


@dataclass(frozen=True)
class Column:
    """A text stands left and goes on in the next line where there is no room;
    a number stands right, and it and a time stay `whole`.
    """

    name: str
    is_text: bool = False
    whole: bool = True


def numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_text=True, whole=False) for name in names)


def times(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_text=True) for name in names)


def plain_table(title: Cell, columns: Iterable[Column], rows: Iterable[Sequence[Cell]]) -> Group:
    """A title, and below it a table without lines between its columns, so that a terminal of 80 characters shows offsets whole.
    Where there is no row there is only the title.
    """
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for one in columns:
        # Folded, never cut: what is not seen may be what matters.
        justify: JustifyMethod = "left" if one.is_text else "right"
        table.add_column(_text(tuple(one.name.split("\n"))), justify=justify, no_wrap=one.whole, overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    # Of its own, not the table's: rich makes a table's title as narrow as the table.
    return Group(_text(title), *([table] if table.rows else []))


def _text(cell: Cell) -> Text:
    return Text("\n".join(map(printable, (cell,) if isinstance(cell, str) else cell)))


WIDE = 150
"""From this width on each entry has a line of its own; below it, what belongs together stands one below the other."""


def number(value: int | None) -> str:
    """
    >>> number(2_075_259), number(None)
    ('2,075,259', '-')
    """
    return "-" if value is None else f"{value:,}"


def plain_console(width: int | None = None, *, colours: bool = True) -> Console:
    """A console that takes no text for anything else."""
    return Console(width=width, color_system="auto" if colours else None, markup=False, emoji=False, highlight=False)

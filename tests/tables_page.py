"""What `docs/tables.md` says of the tables, in a form that tests can compare with what is really there."""

import re
from dataclasses import dataclass

from spark_jobs.base.project import PROJECT

PAGE = PROJECT / "docs" / "tables.md"
WORDS = {"rejected_because": "| `rejected_because` | meaning |", "state": "| `state` | says | `details` |"}
"""The first lines of its tables of words."""


@dataclass(frozen=True)
class Column:
    """One row of a table's description; `null` says when the column holds nothing."""

    name: str
    type: str
    null: str


def described_columns() -> dict[str, list[Column]]:
    """The columns of each table, in the page's order."""
    sections = re.split(r"^## `(\w+)`$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    rows = {name: _rows(text) for name, text in zip(sections[::2], sections[1::2], strict=True)}
    return {name: [Column(*row[:3]) for row in found if len(row) == 4] for name, found in rows.items()}


def described_words(title: str) -> dict[str, str]:
    """The words of the small table whose first column has that title, with what is said of each."""
    _, _, rest = PAGE.read_text().partition(WORDS[title])
    return {row[0]: row[1] for row in _rows(rest.partition("\n\n")[0])}


def python_blocks() -> list[str]:
    """The page's examples, in order; each may use what those before it made."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def _rows(text: str) -> list[list[str]]:
    """Cells of the rows that begin with a name in backticks."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]

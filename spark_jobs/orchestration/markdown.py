"""What a setting says, in the Markdown of a DAG's page: shown as it is, whatever it means to Markdown. Knows no pipeline."""

import re

from spark_jobs.base.wording import printable


def as_code(text: object) -> str:
    r"""A text as a code span, in which `_`, `*`, `|`, `<` and backticks are characters like any other. Not for cells of tables.

    >>> as_code("readings_*"), as_code("a`b"), as_code("`a``"), as_code(" a\n")
    ('`readings_*`', '``a`b``', '``` `a`` ```', '`  a\\n `')
    """
    line = printable(text)
    ticks = "`" * next(count for count in range(1, len(line) + 2) if count not in {len(run) for run in re.findall("`+", line)})
    # Markdown takes one blank away from each end where both have one.
    pad = " " if line[:1] in ("`", " ") or line[-1:] in ("`", " ") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"

"""The pages: every link between them leads to a file, every anchor to a heading, and no line of prose is too long."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.base.project import PROJECT

PAGES = [*sorted((PROJECT / "docs").glob("*.md")), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]
LONGEST = 130
GENERATED = ("failures.md", "faults.md")


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def long_lines(page: Path) -> list[str]:
    """Tables and pictures cannot be broken into lines."""
    return [line for line in prose(page).splitlines() if len(line) > LONGEST and not line.startswith(("|", "!["))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `word`, here\n\n[up](#a-word-here), [gone](#nowhere), [missing](other.md), [web](https://example.org/#x)\n"
    )
    assert list(broken_links(page)) == ["#nowhere", "other.md"]


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in GENERATED], ids=lambda page: page.name)
def test_lines_of_prose_end_in_time(page: Path) -> None:
    assert long_lines(page) == []


def test_a_line_of_prose_that_is_too_long_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"short\n{'x' * (LONGEST + 1)}\n| {'y' * LONGEST} |\n```\n{'z' * LONGEST} code\n```\n")
    assert long_lines(page) == ["x" * (LONGEST + 1)]

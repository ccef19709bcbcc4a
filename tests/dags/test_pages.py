"""The pages of the DAGs, read as Airflow's web page reads them: CommonMark with tables."""

from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from spark_jobs.base.wording import printable
from spark_jobs.orchestration import freshness, maintaining, page
from spark_jobs.orchestration.markdown import as_code
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from tests.nasty import NASTY
from tests.stored import SETTINGS

PAGES: dict[str, Callable[[str | None, Pipeline, Path], str]] = {
    "averages": page.averages_page,
    "maintenance": maintaining.maintenance_page,
    "fresh averages": freshness.fresh_page,
}
MARKED = {
    "emphasis": "_volts_ and *amperes*",
    "cells": "a|b|c",
    "tags": "<b>volt</b> <time>",
    "ticks": "volt`age",
    "many ticks": "``a` ```",
    "blanks": " volt ",
    "link": "[volt](http://volt) ![volt]",
    "heading": "# volt",
    "escapes": r"\volt\_",
    "character": "&lt;&#35;",
}


def code_in(text: str) -> list[str]:
    """What the page shows as code."""
    blocks = MarkdownIt("commonmark").enable("table").parse(text)
    return [one.content for block in blocks for one in block.children or [] if one.type == "code_inline"]


def kinds_in(text: str) -> set[str]:
    """What Markdown takes the parts of a text for."""
    return {
        one.type for block in MarkdownIt("commonmark").enable("table").parse(text) for one in (block, *(block.children or []))
    }


def pipeline_of(folder: Path, field: str) -> Pipeline:
    config = folder / "p.yaml"
    config.write_text(SETTINGS)
    return load_pipeline(config, overrides=[f"input.value.field={field}"])


@pytest.mark.proves("F205")
@pytest.mark.parametrize("text", [*MARKED.values(), *NASTY.values()], ids=[*MARKED, *NASTY])
def test_a_text_is_shown_as_it_is_whatever_it_means_to_markdown(text: str) -> None:
    assert code_in(f"- reads {as_code(text)}, and [{as_code(text)}](dags/p)") == [printable(text)] * 2


@pytest.mark.proves("F205")
@pytest.mark.parametrize("text", MARKED.values(), ids=MARKED)
def test_the_page_shows_a_field_as_the_pipeline_file_has_it(tmp_path: Path, text: str) -> None:
    pipeline = pipeline_of(tmp_path, text.strip())
    assert text.strip() in code_in(page.averages_page("", pipeline, tmp_path / "p.yaml"))


@pytest.mark.proves("F205")
@pytest.mark.parametrize("page_of", PAGES.values(), ids=PAGES)
def test_each_page_shows_the_tables_and_the_pipeline_file_by_their_paths(
    tmp_path: Path, page_of: Callable[[str | None, Pipeline, Path], str]
) -> None:
    config = tmp_path / "a`b_*<c>|d.yaml"
    pipeline = pipeline_of(tmp_path, "voltage")
    text = page_of("Story.\n", pipeline, config)
    assert {str(config), f"{pipeline.lake}/p/"} <= set(code_in(text))
    assert "html_inline" not in kinds_in(text)

"""The outputs that are stored in the notebooks: whole, clean, small, and made with the demo's readings."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spark_jobs.base.project import PROJECT
from spark_jobs.local.demo.readings import find_csv, read_readings
from spark_jobs.local.notebooks import LATE, NOTEBOOKS, PICTURE, first_plot

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))


def outputs_of(path: Path) -> list[dict[str, Any]]:
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def last_words(path: Path) -> str:
    return "".join(next(output["text"] for output in code_cells(path)[-1]["outputs"] if output["output_type"] == "stream"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_was_executed_from_top_to_bottom_without_a_complaint(path: Path) -> None:
    assert [cell["execution_count"] for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))
    assert {output["output_type"] for output in outputs_of(path)} == {"stream", "display_data", "execute_result"}
    assert [output for output in outputs_of(path) if output.get("name") == "stderr"] == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_is_small_and_names_no_place_of_the_machine_it_was_made_on(path: Path) -> None:
    assert path.stat().st_size < 300_000
    assert re.findall(r"(?:file:)?/(?:home|root|tmp|work|Users|usr|opt)/[^\s\"]*", json.dumps(outputs_of(path))) == []


def test_the_readme_shows_the_first_plot_and_it_is_small() -> None:
    shown = re.findall(r"!\[[^\]]*\]\((.+?)\)", (PROJECT / "README.md").read_text())
    assert [(PROJECT / one).resolve() for one in shown] == [PICTURE]
    assert PICTURE.read_bytes() == first_plot(PATHS[0])
    assert PICTURE.stat().st_size < 150_000


def test_both_end_with_the_sum_of_all_readings_of_the_demo() -> None:
    readings = read_readings(find_csv())
    late = [json.loads(value, parse_float=Decimal)["voltage"] for value in LATE]
    total = pc.sum(readings.values.cast(pa.decimal128(18, 6))).as_py() + sum(late)
    sentence = f"{readings.count + len(late):,} readings of {len(readings.days):,} days add up to {total:,} V\n"
    assert [last_words(path) for path in PATHS] == [sentence, sentence]

"""The table of failure modes and the marks of the tests know each other."""

import re
from pathlib import Path

import yaml

from tests.fault_docs import MODES, failures_page, marked_tests

TESTS = Path(__file__).parents[2]
MODES_BY_SECTION = yaml.safe_load(MODES.read_text())
WORDS = {row: words for rows in MODES_BY_SECTION.values() for row, words in rows.items()}
MARKED = {
    row for path in TESTS.rglob("*.py") if path != Path(__file__) for row in re.findall(r'"([FKC]\d{1,3})"', path.read_text())
}


def test_every_row_has_a_test_or_says_why_not() -> None:
    assert {row for row, words in WORDS.items() if len(words) == 2} - MARKED == set()
    assert {row for row, words in WORDS.items() if len(words) == 3} & MARKED == set()


def test_every_row_is_in_plain_words() -> None:
    assert [row for row, words in WORDS.items() if not all(isinstance(word, str) for word in words)] == []


def test_every_mark_is_a_row_of_the_table() -> None:
    assert MARKED - WORDS.keys() == set()


def test_the_page_names_each_rows_tests_with_their_last_result() -> None:
    cases = [
        {"id": "tests/faults/test_a.py::test_it_holds[1]", "rows": ["F01"], "outcome": "passed"},
        {"id": "tests/faults/test_a.py::test_it_holds[2]", "rows": ["F01"], "outcome": "failed"},
    ]
    page = failures_page(
        {"offsets": {"F01": ["it breaks", "it holds"], "F02": ["it melts", "it freezes", "no fridge here"]}}, cases
    )
    assert "| F01 | it breaks | it holds | `faults/test_a`: it holds | 1 of 2 |" in page
    assert "| F02 | it melts | it freezes | none: no fridge here |  |" in page


def test_a_row_without_a_fault_case_names_the_tests_that_carry_it(tmp_path: Path) -> None:
    (tmp_path / "test_b.py").write_text('@pytest.mark.proves("F03")\n@other\ndef test_it_is_read() -> None: ...\n')
    assert marked_tests(tmp_path) == {"F03": ["tests/test_b.py::test_it_is_read"]}

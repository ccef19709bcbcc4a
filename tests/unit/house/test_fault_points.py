"""Every fault point of the program is a case of the tests that kill it there."""

import re
from pathlib import Path

import pytest

from tests.faults import points

TESTS = Path(__file__).parents[2]


def test_every_point_of_the_source_has_its_case_and_every_case_its_point() -> None:
    assert sorted(points.ALL) == sorted(points.in_source())


def test_every_point_that_a_test_names_is_one() -> None:
    lists = (Path(points.__file__), Path(__file__))
    texts = "\n".join(path.read_text() for path in TESTS.rglob("*.py") if path not in lists)
    named = set(re.findall(r'(?:before|after):[a-z_]+(?=["\':])', texts))
    assert len(named) > 20
    assert named - set(points.ALL) == set()


def test_a_point_that_is_new_in_the_source_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text('fault("before:new")\nfault(f"after:new_{table}")\n')
    found = points.in_source(tmp_path)
    assert found == [
        "before:new",
        *(f"after:new_{table}" for table in ("checkpoints", "records", "contributions", "daily_averages")),
    ]


def test_a_point_whose_name_cannot_be_read_from_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text("fault(name)\n")
    with pytest.raises(ValueError, match="line 1: a fault point is a text"):
        points.in_source(tmp_path)

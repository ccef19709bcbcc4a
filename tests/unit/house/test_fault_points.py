"""Every fault point of the program is a case of the tests that kill it there."""

from pathlib import Path

import pytest

from tests.faults import points


def test_every_point_of_the_source_has_its_case_and_every_case_its_point() -> None:
    assert sorted(points.ALL) == sorted(points.in_source())


def test_a_point_that_is_new_in_the_source_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text('fault("before:new")\nfault(f"after:new_{table}")\n')
    found = points.in_source(tmp_path)
    assert found == {
        "before:new",
        *(f"after:new_{table}" for table in ("checkpoints", "records", "contributions", "daily_averages")),
    }


def test_a_point_whose_name_cannot_be_read_from_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text("fault(name)\n")
    with pytest.raises(ValueError, match="line 1: a fault point is a text"):
        points.in_source(tmp_path)

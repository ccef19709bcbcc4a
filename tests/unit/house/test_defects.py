"""The deliberate defects still fit the program; that tests notice them is for `make defects` to show."""

import pytest

from spark_jobs.base.project import PROJECT
from tests.defects.apply import applied
from tests.defects.defects import DEFECTS, Defect


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name.replace(" ", "-") for defect in DEFECTS])
def test_every_defect_still_changes_the_program(defect: Defect) -> None:
    text = (PROJECT / defect.file).read_text()
    assert applied(text, defect) != text
    compile(applied(text, defect), defect.file, "exec")


def test_the_tests_that_must_notice_a_defect_are_there() -> None:
    named = {one for defect in DEFECTS for one in defect.caught_by if one.startswith("tests/")}
    assert len(named) > 10
    for file, _, test in (one.partition("::") for one in named):
        assert f"def {test}" in (PROJECT / file).read_text(), file

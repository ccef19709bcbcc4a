"""The deliberate defects still fit the program; that tests notice them is for `make defects` to show."""

import sys
from types import ModuleType

import pytest

from spark_jobs.base.project import PROJECT
from tests.defects.apply import applied
from tests.defects.defects import DEFECTS, Defect


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name.replace(" ", "-") for defect in DEFECTS])
def test_every_defect_still_changes_the_program_which_can_be_imported(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (PROJECT / defect.file).read_text()
    assert applied(text, defect) != text
    module = ModuleType("defective")
    # Where its dataclasses look for their own module.
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(applied(text, defect), defect.file, "exec"), module.__dict__)


def test_the_tests_that_must_notice_a_defect_are_there() -> None:
    named = {one for defect in DEFECTS for one in defect.caught_by if one.startswith("tests/")}
    assert len(named) > 10
    for file, _, test in (one.partition("::") for one in named):
        assert f"def {test}" in (PROJECT / file).read_text(), file

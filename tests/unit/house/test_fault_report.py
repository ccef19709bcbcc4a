"""The report of `make faults` may come from several runs: the parts, and the cases that were run again."""

import pytest

from tests.fault_report import Case, joined, part_of, plain


def test_all_cases_are_run_unless_a_part_is_named() -> None:
    assert part_of("1/1") == (1, 1)
    assert part_of("2/3") == (2, 3)


@pytest.mark.parametrize("wanted", ["0/2", "3/2", "2", "", "a/b", "-1/2"])
def test_a_part_that_cannot_be_is_refused(wanted: str) -> None:
    with pytest.raises(pytest.UsageError, match="K/N"):
        part_of(wanted)


def test_a_later_run_adds_its_cases_and_replaces_older_results() -> None:
    before = [Case("a", outcome="failed"), Case("b")]
    newer = [Case("a", again=True), Case("c")]
    assert joined(before, newer) == [Case("a", again=True), Case("b"), Case("c")]


@pytest.mark.parametrize("name", ["a.py::test_a", "a.py::test_a[x@y-1]", "a.py::test_a[1]"])
@pytest.mark.parametrize("group", ["", "@secured", "@make airflow", "@on-disk_1"])
def test_a_case_has_one_name_whichever_worker_runs_it(name: str, group: str) -> None:
    assert plain(name + group) == name

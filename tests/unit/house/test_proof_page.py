"""What `docs/proof.md` says that worlds do and that tests show is there."""

import re

from spark_jobs.base.project import PROJECT

PAGE = (PROJECT / "docs" / "proof.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| ([^|]+) \| (.*(?:kafka|faults)/test_.*|none: .*) \|$", PAGE, re.MULTILINE)


def test_every_failure_of_other_systems_is_played_by_a_deed_of_the_adversary() -> None:
    code = "\n".join(path.read_text() for path in (PROJECT / "tests" / "worlds").glob("*.py"))
    deeds = [deed for played, _ in ROWS for deed in re.findall(r"`([^`]+)`", played)]
    assert len(ROWS) == 14
    for deed in deeds:
        known = deed.removeprefix("a record is ")
        assert f'"{known}"' in code or f"    {known.upper()} = " in code, deed


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:kafka|faults|worlds|spark|model)/test_\w+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 10
    for file, test in named:
        assert f"def {test}(" in (PROJECT / "tests" / file).read_text(), f"{file}::{test}"

"""`make defects`: apply each defect to a copy of the project, run the tests that must notice, and say which did not.

A defect that no test notices is a hole in the tests; so is a copy without any defect whose tests fail, which is tried first.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.defects.defects import DEFECTS, Defect

PROJECT = Path(__file__).parent.parent.parent
SHARED = (".venv", "jars")
PASSED, FAILED, NONE_FOUND = 0, 1, 5
"""What pytest ends with; anything else means that it could not run the tests."""
LIMIT_SECONDS = 300
"""A program that never comes to an end has failed as well."""


def main() -> int:
    chosen = [defect for defect in DEFECTS if all(word in defect.name for word in sys.argv[1:])]
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_project(Path(folder) / "project")
        results = [tried(copy, number, len(chosen), defect) for number, defect in enumerate(chosen, 1)]
    print(f"{sum(results)} of {len(results)} defects were noticed")
    return 0 if results and all(results) else 1


def copy_of_project(folder: Path) -> Path:
    """The tracked files as they are now, with this project's packages and jars."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / name).is_file():
            shutil.copy2(PROJECT / name, target)
    for name in SHARED:
        (folder / name).symlink_to(PROJECT / name)
    return folder


def tried(copy: Path, number: int, count: int, defect: Defect) -> bool:
    """Whether the tests pass without the defect and fail with it."""
    file = copy / defect.file
    whole = file.read_text()
    sound = run_tests(copy, defect)
    file.write_text(applied(whole, defect))
    broken = run_tests(copy, defect)
    file.write_text(whole)
    noticed = (sound, broken) == (PASSED, FAILED)
    print(f"{number:2}/{count} {'noticed' if noticed else f'NOT NOTICED (pytest: {sound}, {broken})'}: {defect.name}", flush=True)
    return noticed


def applied(text: str, defect: Defect) -> str:
    """The file's text with the defect; `ValueError` unless each text to replace stands there exactly once."""
    for before, after in defect.edits:
        if text.count(before) != 1:
            raise ValueError(f"{defect.name}: {defect.file} holds {before!r} {text.count(before)} times")
        text = text.replace(before, after)
    return text


def run_tests(copy: Path, defect: Defect) -> int:
    """How pytest ends; with the cases that `make test` leaves out if the named tests are only such."""
    code = pytest_of(copy, defect.caught_by)
    return pytest_of(copy, ("--thorough", *defect.caught_by)) if code == NONE_FOUND else code


def pytest_of(copy: Path, arguments: Sequence[str]) -> int:
    command = [str(copy / ".venv" / "bin" / "pytest"), "-x", "-q", "-p", "no:cacheprovider", *arguments]
    # The copy's modules, also in processes that the tests start, not the installed ones.
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, check=False, timeout=LIMIT_SECONDS
        ).returncode
    except subprocess.TimeoutExpired:
        return FAILED


if __name__ == "__main__":
    sys.exit(main())

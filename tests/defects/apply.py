"""`make defects`: apply each defect to a copy of the project, run the tests that must notice, and say which did not.

A defect that no test notices is a hole in the tests; so is a copy without any defect whose tests fail, which is tried first.
With `--worlds` no test is run: simulated worlds alone must notice it, and the first that does is named.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.defects.defects import DEFECTS, Defect

T = TypeVar("T")

PROJECT = Path(__file__).parent.parent.parent
SHARED = (".venv", "jars")
PASSED, FAILED, NONE_FOUND = 0, 1, 5
"""What pytest ends with; anything else means that it could not run the tests."""
LIMIT_SECONDS = 300
"""A program that never comes to an end has failed as well."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.defects.apply", description=__doc__)
    parser.add_argument("words", nargs="*", help="only defects with all these words in their names")
    parser.add_argument("--worlds", type=int, help="live through so many worlds at most instead of running tests")
    asked = parser.parse_args(arguments)
    chosen = [defect for defect in DEFECTS if all(word in defect.name for word in asked.words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_project(Path(folder) / "project")
        if asked.worlds:
            results = noticed_by_worlds(copy, asked.worlds, [defect for defect in chosen if not defect.beyond_worlds])
        else:
            results = [tried(copy, number, len(chosen), defect) for number, defect in enumerate(chosen, 1)]
    print(f"{sum(results)} of {len(results)} defects were noticed")
    return 0 if results and all(results) else 1


def noticed_by_worlds(copy: Path, worlds: int, chosen: Sequence[Defect]) -> list[bool]:
    """Whether each defect was noticed by one of so many worlds."""
    results = []
    for number, defect in enumerate(chosen, 1):
        found = with_defect(copy, defect, lambda: first_wrong_world(copy, worlds))
        results.append(found is not None)
        print(f"{number:2}/{len(chosen)} {found or 'NOT NOTICED'}: {defect.name}", flush=True)
    return results


def first_wrong_world(copy: Path, worlds: int) -> str | None:
    """Which world noticed what the copy does wrong, and how; None if none did."""
    command = [str(copy / ".venv" / "bin" / "python"), "-m", "tests.defects.noticing", "--worlds", str(worlds)]
    ended = subprocess.run(command, cwd=copy, env=environment_of(copy), stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode == PASSED:
        return None
    return ended.stdout.strip() or f"python ends with {ended.returncode}"


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
    sound = run_tests(copy, defect)
    broken = with_defect(copy, defect, lambda: run_tests(copy, defect))
    noticed = (sound, broken) == (PASSED, FAILED)
    print(f"{number:2}/{count} {'noticed' if noticed else f'NOT NOTICED (pytest: {sound}, {broken})'}: {defect.name}", flush=True)
    return noticed


def with_defect(copy: Path, defect: Defect, act: Callable[[], T]) -> T:
    """What comes of it while the copy has the defect."""
    file = copy / defect.file
    whole = file.read_text()
    file.write_text(applied(whole, defect))
    try:
        return act()
    finally:
        file.write_text(whole)


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
    try:
        return subprocess.run(
            command, cwd=copy, env=environment_of(copy), capture_output=True, check=False, timeout=LIMIT_SECONDS
        ).returncode
    except subprocess.TimeoutExpired:
        return FAILED


def environment_of(copy: Path) -> dict[str, str]:
    """The copy's modules, also in processes that the tests start, not the installed ones."""
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make clean` in a checkout that holds something of every kind that is ignored: afterwards it holds what is committed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_jobs.base.project import PROJECT

KEPT = ".env"
"""Passwords that the volumes of the containers were made with."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", ".gitignore"):
        shutil.copy(PROJECT / name, tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "one.ipynb").touch()
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def made_things(checkout: Path) -> Iterator[Path]:
    """A place for each line of .gitignore; one below a folder, too, where the line is not only about the top."""
    for line in (checkout / ".gitignore").read_text().splitlines():
        name = line.strip("/").replace("*", "anything")
        for folder in [checkout] if line.startswith("/") else [checkout, checkout / "notebooks"]:
            yield folder / name / "file" if line.endswith("/") else folder / name


def not_committed(checkout: Path) -> list[str]:
    command = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all"]
    said = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout
    return sorted(line[3:] for line in said.splitlines() if line[:2] in ("!!", "??"))


def test_make_clean_leaves_what_is_committed_and_the_passwords_of_the_containers(checkout: Path) -> None:
    for place in made_things(checkout):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    assert len(not_committed(checkout)) > 20
    subprocess.run(["make", "-s", "clean"], cwd=checkout, check=True)
    assert not_committed(checkout) == [KEPT]
    assert (checkout / "notebooks" / "one.ipynb").exists()

"""When a JVM is told of the class archive, and what a JVM makes of one that does not fit."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spark_jobs.launch.class_archive import ARCHIVE, ARCHIVE_FOLDER, STAMP, archive_options, read_stamp
from spark_jobs.launch.java import find_java
from spark_jobs.launch.submit import FIRST_COMPILER, SMALL, java_options
from spark_jobs.local.setup.class_archive import facts, is_made_for, make_archive


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with the stamp of the archive that the set-up made, and a file of the archive's length that takes no room."""
    shutil.copy(ARCHIVE_FOLDER / STAMP, tmp_path)
    with (tmp_path / ARCHIVE).open("wb") as file:
        file.truncate((ARCHIVE_FOLDER / ARCHIVE).stat().st_size)
    return tmp_path


def start_java(*options: str) -> subprocess.CompletedProcess[str]:
    command = [str(find_java() / "bin" / "java"), *options, "-version"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_set_up_has_made_an_archive_for_this_java_and_these_jars() -> None:
    assert is_made_for(facts(find_java()))
    assert archive_options()[0] == f"-XX:SharedArchiveFile={ARCHIVE_FOLDER / ARCHIVE}"


def test_an_archive_that_fits_is_left_as_it_is(archive: Path) -> None:
    before = (archive / ARCHIVE).stat()
    make_archive(find_java(), archive)
    assert (archive / ARCHIVE).stat() == before


def test_no_java_is_told_of_an_archive_that_was_cut_short(archive: Path) -> None:
    assert archive_options(archive)
    os.truncate(archive / ARCHIVE, 100_000_000)
    assert archive_options(archive) == ()


@pytest.mark.parametrize("stamp", [None, "", "[]", '{"bytes": ', "{}"])
def test_no_java_is_told_of_an_archive_whose_stamp_is_missing_or_torn(archive: Path, stamp: str | None) -> None:
    (archive / STAMP).unlink()
    if stamp is not None:
        (archive / STAMP).write_text(stamp)
    assert archive_options(archive) == ()


def test_no_java_is_told_of_an_archive_that_is_not_there(archive: Path) -> None:
    (archive / ARCHIVE).unlink()
    assert archive_options(archive) == ()


def test_a_set_up_that_can_make_no_archive_says_so_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_archive(tmp_path / "no java", tmp_path)
    said = capsys.readouterr().err
    assert said.startswith("no archive of classes was made, Spark only starts more slowly: ")
    assert said.count("\n") == 1
    assert archive_options(tmp_path) == ()


@pytest.mark.parametrize("change", ["another JVM", "a jar that was replaced", "a jar more"])
def test_an_archive_of_other_versions_is_not_taken_for_this_ones(archive: Path, change: str) -> None:
    stamp = read_stamp(archive)
    if change == "another JVM":
        stamp["java"][2] += 1
    elif change == "a jar that was replaced":
        stamp["class_path"][3][1] += 1
    else:
        stamp["class_path"].pop()
    (archive / STAMP).write_text(json.dumps(stamp))
    assert not is_made_for(facts(find_java()), archive)


def test_java_goes_on_without_a_word_where_the_archive_does_not_fit_its_class_path() -> None:
    plain, told = start_java(), start_java(*archive_options())
    assert (told.returncode, told.stdout, told.stderr) == (0, plain.stdout, plain.stderr)


def test_java_goes_on_without_a_word_where_the_archive_is_none(archive: Path) -> None:
    options = archive_options(archive)
    (archive / ARCHIVE).write_bytes(b"no archive" * 1000)
    told = start_java(*options)
    assert (told.returncode, told.stdout) == (0, "")
    assert "cds" not in told.stderr


@pytest.mark.parametrize(("offsets", "is_small"), [(None, False), (1, True), (SMALL, True), (SMALL + 1, False)])
def test_only_a_run_that_is_known_to_be_small_does_without_the_second_compiler(offsets: int | None, is_small: bool) -> None:
    assert (FIRST_COMPILER in java_options(offsets)) == is_small

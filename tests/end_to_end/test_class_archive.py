"""The submitted job with the class archive, and with jars that it was not made for: the same work, the same words."""

import shutil
from pathlib import Path

import pytest

from spark_jobs.launch.submit import java_options, spark_jars
from tests.conftest import NewWorld
from tests.world import World, reading

FROM_ARCHIVE = "source: shared objects file (top)"


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world(partitions=2)
    world.send(0, reading("23/12/2006 16:52:00", "239.94"), b"no reading")
    return world


def loaded_classes(world: World, folder: Path, **conf: str) -> str:
    """One run that works; what its JVM noted about each class it loaded."""
    log = folder / "classes.txt"
    options = " ".join([*java_options(1), f"-Xlog:class+load:file={log}"])
    code, said = world.submit(conf={"spark.driver.defaultJavaOptions": options, **conf}).finish()
    assert code == 0, said
    assert "cds" not in said
    world.assert_all_counted()
    return log.read_text()


def test_a_submitted_run_takes_nearly_all_classes_from_the_archive(world: World, tmp_path: Path) -> None:
    loaded = loaded_classes(world, tmp_path)
    assert loaded.count(FROM_ARCHIVE) > 10 * loaded.count("source: file:")


@pytest.mark.thorough
def test_a_run_with_other_jars_works_without_the_archive_and_says_no_word_of_it(world: World, tmp_path: Path) -> None:
    shutil.copytree(spark_jars()[0], tmp_path / "jars", copy_function=shutil.copyfile)
    loaded = loaded_classes(world, tmp_path, **{"spark.driver.extraClassPath": f"{tmp_path / 'jars'}/*"})
    assert FROM_ARCHIVE not in loaded

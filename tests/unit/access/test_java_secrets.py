"""The Java client's credentials: in memory where there is a folder for it, nobody else's, and gone when the run is."""

import os
from pathlib import Path

import pytest

from spark_jobs.access.java_secrets import memory_folder, only_while_it_runs, secrets_file
from spark_jobs.pipeline.settings import Pipeline
from tests.stored import stored_pipeline

pytestmark = [pytest.mark.group("SE"), pytest.mark.proves("F187")]


@pytest.fixture
def runtime(tmp_path: Path) -> dict[str, str]:
    """An environment with a folder in memory, as a login gives it."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    return {"XDG_RUNTIME_DIR": str(tmp_path / "runtime")}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return stored_pipeline(tmp_path, 0)


def leave(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("sasl.jaas.config=x")
    return file


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]", "local-cluster[1,1,1024]"])
def test_a_local_master_reads_them_from_memory(pipeline: Pipeline, runtime: dict[str, str], master: str, tmp_path: Path) -> None:
    found = secrets_file(pipeline, master, runtime)
    assert found.parent == tmp_path / "runtime" / "dayfold"
    assert found.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("master", ["spark://host:7077", "yarn", "k8s://https://host"])
def test_executors_elsewhere_read_them_in_the_state_folder(pipeline: Pipeline, runtime: dict[str, str], master: str) -> None:
    assert secrets_file(pipeline, master, runtime) == pipeline.state / "kafka-secrets" / f"{pipeline.name}.properties"


def test_two_projects_with_one_pipeline_name_have_files_of_their_own(pipeline: Pipeline, runtime: dict[str, str]) -> None:
    other = pipeline.model_copy(update={"state": pipeline.state / "other"})
    assert secrets_file(pipeline, "local", runtime) != secrets_file(other, "local", runtime)


def test_what_a_killed_run_left_is_gone_at_the_next_start_and_its_own_at_the_end(
    pipeline: Pipeline, runtime: dict[str, str]
) -> None:
    places = [secrets_file(pipeline, master, runtime) for master in ("local[2]", "spark://host:7077")]
    for place in places:
        leave(place)
    with only_while_it_runs(pipeline, runtime):
        assert not any(place.exists() for place in places)
        leave(places[0])
    assert not any(place.exists() for place in places)


def test_they_are_gone_after_a_run_that_failed(pipeline: Pipeline, runtime: dict[str, str]) -> None:
    place = leave(secrets_file(pipeline, "local", runtime))
    with pytest.raises(ZeroDivisionError), only_while_it_runs(pipeline, runtime):
        leave(place).write_text(str(1 / 0))
    assert not place.exists()


def test_a_folder_that_others_could_have_made_is_not_used(tmp_path: Path) -> None:
    mine = tmp_path / f"dayfold-{os.getuid()}"
    assert memory_folder({}, tmp_path) == mine
    mine.chmod(0o755)
    assert memory_folder({}, tmp_path) is None
    mine.rmdir()
    mine.symlink_to(tmp_path)
    assert memory_folder({}, tmp_path) is None


def test_a_machine_without_memory_folders_uses_the_state_folder(tmp_path: Path) -> None:
    assert memory_folder({"XDG_RUNTIME_DIR": str(tmp_path / "none" / "none")}, tmp_path / "none") is None

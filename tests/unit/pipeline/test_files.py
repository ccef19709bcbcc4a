"""Pipelines of one folder that would get into each other's way, seen in their files alone."""

from pathlib import Path

import pytest

from spark_jobs.pipeline.files import load_pipeline_files

SETTINGS = """
name: {name}
kafka: {kafka}
lake: lake
input:
  topic: a
  time: {{field: datetime, format: "yyyy-MM-dd HH:mm:ss"}}
  value: {{field: voltage}}
output: {{topic: {output}}}
"""


def problems(folder: Path, *pipelines: tuple[str, str, str]) -> list[str]:
    """What is wrong with a folder of pipelines, each a name, its Kafka file and its output topic."""
    for name, kafka, output in pipelines:
        (folder / f"{name}.yaml").write_text(SETTINGS.format(name=name, kafka=kafka, output=output))
    return list(load_pipeline_files(folder, {}).problems)


@pytest.mark.proves("F163")
def test_two_pipelines_of_one_folder_cannot_publish_to_one_topic(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, ("p", "k", "daily"), ("q", "k", "daily"))
    first, second = tmp_path / "p.yaml", tmp_path / "q.yaml"
    assert told == f"{second}: the output topic daily belongs to p (of {first}) already; give this pipeline another one"


def test_topics_of_one_name_on_two_clusters_are_two(tmp_path: Path) -> None:
    assert problems(tmp_path, ("p", "k", "daily"), ("q", "l", "daily"), ("r", "k", "weekly")) == []


def test_another_name_needs_another_output_topic_and_the_sentence_says_so(tmp_path: Path) -> None:
    problems(tmp_path, ("p", "k", "daily"))
    (tmp_path / "p.yaml").rename(tmp_path / "a.yaml")
    (told,) = problems(tmp_path, ("p", "k", "other"))
    assert told.endswith("give this pipeline another name and another output topic")


def test_a_name_that_a_dag_beside_another_pipeline_has_is_changed_like_any_other(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, ("p", "k", "daily"), ("p_maintenance", "k", "other"))
    assert "the names p_maintenance and p (of " in told
    assert told.endswith("give this pipeline another name and another output topic")

"""The pipeline files of a folder: those that can be used, and what is wrong with the others.

For whoever serves all pipelines at once, as the DAGs do. Reads the files and nothing else, so it is quick enough for a parser
that runs every few seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.project import PROJECT
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

FOLDER_VARIABLE = "DAYFOLD_PIPELINES"
DEFAULT_FOLDER = PROJECT / "conf" / "pipelines"


@dataclass(frozen=True)
class PipelineFiles:
    """`usable` maps each file to its settings, in the order of the names; `problems` says why the other files are not there."""

    usable: Mapping[Path, Pipeline]
    problems: tuple[str, ...]


def pipelines_folder(environment: Mapping[str, str]) -> Path:
    """Folder named by `DAYFOLD_PIPELINES`, a relative one below the project; else the project's own."""
    return PROJECT / environment.get(FOLDER_VARIABLE, DEFAULT_FOLDER)


def load_pipeline_files(folder: Path, environment: Mapping[str, str]) -> PipelineFiles:
    """Every `*.yaml` and `*.yml` of the folder. A file that cannot be used never hinders another one."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml"))
    usable: dict[Path, Pipeline] = {}
    problems = [] if files else [f"there is no pipeline file in {folder}; {FOLDER_VARIABLE} names another folder"]
    for path in files:
        try:
            pipeline = load_pipeline(path, environment=environment)
            require_alone(pipeline, path, usable)
            usable[path] = pipeline
        except ConfigurationError as error:
            problems.append(str(error))
    return PipelineFiles(usable, tuple(problems))


def require_alone(pipeline: Pipeline, path: Path, usable: Mapping[Path, Pipeline]) -> None:
    """Raise `ConfigurationError` unless the pipeline has a name and an output topic that no other one of the folder has."""
    _require_unused(pipeline.name, path, usable)
    _require_own_output(pipeline, path, usable)


def _require_unused(name: str, path: Path, usable: Mapping[Path, Pipeline]) -> None:
    """Two pipelines of one name would share lock, checkpoints and consumer group, two DAGs of one name cannot be."""
    for other, pipeline in usable.items():
        if pipeline.name == name:
            raise ConfigurationError(
                f"{path}: the name {name} belongs to {other} already; give this pipeline another name and another output topic"
            )
        if pipeline.name in _beside(name) or name in _beside(pipeline.name):
            raise ConfigurationError(
                f"{path}: the names {name} and {pipeline.name} (of {other}) are those of a pipeline and of a DAG beside it; "
                "give this pipeline another name and another output topic"
            )


def _require_own_output(pipeline: Pipeline, path: Path, usable: Mapping[Path, Pipeline]) -> None:
    """Two pipelines number their revisions apart, so readers of one topic could not know which of two averages is the newer
    one.
    """
    for other, usual in usable.items():
        if pipeline.output and usual.output_topics == pipeline.output_topics and usual.kafka == pipeline.kafka:
            raise ConfigurationError(
                f"{path}: the output topic {pipeline.output.topic} belongs to {usual.name} (of {other}) already; give this "
                "pipeline another one"
            )


def _beside(pipeline: str) -> tuple[str, ...]:
    return (maintenance_name(pipeline), fresh_name(pipeline))


def maintenance_name(pipeline: str) -> str:
    """The id of the DAG that maintains a pipeline's tables."""
    return f"{pipeline}_maintenance"


def fresh_name(pipeline: str) -> str:
    """The id of the DAG that waits for a pipeline's averages."""
    return f"{pipeline}_fresh_averages"

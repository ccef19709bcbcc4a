"""What a pipeline announces in Airflow: each table of totals is an asset."""

from airflow.sdk import Asset

from spark_jobs.base.location import as_uri
from spark_jobs.pipeline.settings import Pipeline


def totals_of(pipeline: Pipeline) -> tuple[str, ...]:
    """The tables of totals, in the order of the file."""
    return tuple(pipeline.aggregates) or ("daily_averages",)


def assets_of(pipeline: Pipeline) -> list[Asset]:
    """Each table of totals, for DAGs that wait for it."""
    folder = f"{pipeline.lake.rstrip('/')}/{pipeline.name}"
    return [Asset(name=f"{pipeline.name}.{name}", uri=as_uri(f"{folder}/{name}")) for name in totals_of(pipeline)]

"""A pipeline file with the fewest settings there may be, as a test writes it: read with what is added, or refused."""

from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.pipeline.settings import Pipeline, load_pipeline

MINIMAL = """
name: p
kafka: kafka.properties
lake: lake
input:
  topic: a
  time: {field: datetime, format: "yyyy-MM-dd HH:mm:ss"}
  value: {field: voltage}
output: {topic: b}
"""


def load(folder: Path, text: str = MINIMAL, *overrides: str, **environment: str) -> Pipeline:
    path = folder / "p.yaml"
    path.write_text(text)
    return load_pipeline(path, overrides=overrides, environment=environment)


def refusal(folder: Path, text: str = MINIMAL, *overrides: str, **environment: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text, *overrides, **environment)
    assert caught.value.exit_code == 78
    return str(caught.value)

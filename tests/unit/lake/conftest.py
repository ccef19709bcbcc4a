"""The tables of a pipeline that never ran, for each test that wants them."""

from pathlib import Path

import pytest

from spark_jobs.lake.tables import Lake
from tests.stored import empty_lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return empty_lake(tmp_path)

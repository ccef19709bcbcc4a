"""A folder with Kafka's settings for each test that wants one."""

from pathlib import Path

import pytest

from tests.properties_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)

"""What is said about settings that are probably not meant as they are written."""

from pathlib import Path

import pytest

from spark_jobs.daily_averages import main
from spark_jobs.pipeline.setting_notes import warnings_on
from tests.settings_file import MINIMAL, load


@pytest.mark.proves("F177")
def test_an_offset_that_is_taken_for_text_is_warned_of_where_it_matters(tmp_path: Path) -> None:
    def warned(*overrides: str) -> list[str]:
        return list(warnings_on(load(tmp_path, MINIMAL, *overrides)))

    literal, paris = "input.time.format=yyyy-MM-dd'T'HH:mm:ss'Z'", "input.time.timezone=Europe/Paris"
    (sentence,) = warned(literal, paris)
    assert "takes 'Z' for nothing but text, so times are read as local times of Europe/Paris" in sentence
    assert "write X in its place, which reads it as an offset, or use iso8601" in sentence
    assert warned(literal) == warned("input.time.format=yyyy-MM-dd'T'HH:mm:ssX", paris) == []
    assert len(warned("input.time.format=[iso8601, yyyy-MM-dd HH:mm 'UTC', yyyyMMdd]", paris)) == 1


@pytest.mark.proves("F177")
def test_the_job_warns_before_anything_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Here it ends right after: there is no file of Kafka's settings."""
    path = tmp_path / "p.yaml"
    path.write_text(MINIMAL)
    overrides = ["--set", "input.time.format=yyyy-MM-dd'T'HH:mm:ss'Z'", "--set", "input.time.timezone=Europe/Paris"]
    assert main(["--config", str(path), *overrides]) == 78
    assert [one.levelname for one in caplog.records if "takes 'Z' for nothing but text" in one.message] == ["WARNING"]

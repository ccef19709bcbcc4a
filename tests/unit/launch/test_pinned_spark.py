"""`spark-submit` by hand: the shell's Spark is used, and one of another version is named before anything is planned."""

from importlib.metadata import version
from pathlib import Path

import pytest

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.launch.spark_environment import require_pinned_spark
from spark_jobs.launch.submit import spark_jars


def spark(folder: Path, number: str) -> str:
    (folder / "jars").mkdir(parents=True)
    (folder / "jars" / f"spark-core_2.13-{number}.jar").touch()
    return str(folder)


@pytest.mark.proves("F190")
def test_a_spark_of_another_version_is_named(tmp_path: Path) -> None:
    home = spark(tmp_path / "other", "3.5.1")
    with pytest.raises(
        ConfigurationError, match=rf"^SPARK_HOME={home} is a Spark 3.5.1, and this project works with 4.2.0; unset"
    ):
        require_pinned_spark({"SPARK_HOME": home}, "4.2.0")


def test_the_pinned_one_and_the_same_elsewhere_may_be_used(tmp_path: Path) -> None:
    pinned = version("pyspark")
    for home in ("", str(spark_jars()[1].parent), spark(tmp_path / "same", pinned), str(tmp_path / "no spark")):
        require_pinned_spark({"SPARK_HOME": home}, pinned)
    require_pinned_spark({}, pinned)

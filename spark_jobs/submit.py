"""The `spark-submit` command line of the job, with absolute paths, so that it works from any folder."""

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.class_archive import archive_options
from spark_jobs.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parent.parent
APPLICATION = PROJECT / "spark_jobs" / "daily_averages.py"
PROPERTIES = PROJECT / "conf" / "spark-defaults.conf"

COLLECTOR = "-XX:+UseParallelGC"
"""On few cores the default collector takes its threads' time from the job's."""

SECOND_COMPILER_LATER = (
    "-XX:Tier4InvocationThreshold=25000",
    "-XX:Tier4MinInvocationThreshold=3000",
    "-XX:Tier4CompileThreshold=75000",
    "-XX:Tier4BackEdgeThreshold=200000",
)
"""Five times Java's own: what a minute's run calls less often costs more to compile well than it gains by it.

These and the collector stand in `conf/spark-defaults.conf` too, for `spark-submit` by hand.
"""

FIRST_COMPILER, SMALL = "-XX:TieredStopAtLevel=1", 1_000_000
"""Up to so many offsets a run ends before the second compiler has paid for itself: docs/performance.md."""


@dataclass(frozen=True)
class Submission:
    """What `spark-submit` is given besides the job's own arguments; never a secret, all of it can be seen in `ps`.

    `offsets` is how many the run will read, as far as it is known.
    """

    conf: tuple[tuple[str, str], ...] = ()
    progress: bool = False
    offsets: int | None = None


PLAIN = Submission()


def spark_conf(offsets: int | None = None) -> dict[str, str]:
    """Settings of `conf/spark-defaults.conf` that hold paths, made absolute, for a run that will read so many offsets."""
    jars = str(PROJECT / "jars" / "spark" / "*")
    return {
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.defaultJavaOptions": " ".join(java_options(offsets)),
        "spark.pyspark.python": sys.executable,
    }


def java_options(offsets: int | None) -> Iterator[str]:
    """Options of the driver's JVM. What a user sets in `spark.driver.extraJavaOptions` comes after them and wins."""
    yield COLLECTOR
    yield from SECOND_COMPILER_LATER
    yield f"-Dlog4j2.configurationFile={PROJECT / 'conf' / 'log4j2.properties'}"
    yield from archive_options()
    if offsets is not None and offsets <= SMALL:
        yield FIRST_COMPILER


def submit_command(arguments: Iterable[str], submission: Submission = PLAIN) -> list[str]:
    """Command line that runs the job with these arguments."""
    conf = {
        **spark_conf(submission.offsets),
        "spark.ui.showConsoleProgress": str(submission.progress).lower(),
        **dict(submission.conf),
    }
    return [
        str(spark_submit()),
        "--properties-file",
        str(PROPERTIES),
        *(part for key, value in conf.items() for part in ("--conf", f"{key}={value}")),
        str(APPLICATION),
        *arguments,
    ]


def spark_submit() -> Path:
    """Spark's own launcher, of the installed pyspark; found without importing it, which a DAG file must not do."""
    return _pyspark() / "bin" / "spark-submit"


def spark_jars() -> tuple[Path, Path]:
    """The folders of the driver's class path, in its order."""
    return PROJECT / "jars" / "spark", _pyspark() / "jars"


def _pyspark() -> Path:
    pyspark = importlib.util.find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise ConfigurationError("pyspark is not installed beside this Python; run `make setup`")
    return Path(pyspark.origin).parent


def job_arguments(config: Path, run_id: str, overrides: Sequence[str], flags: Iterable[str]) -> list[str]:
    """Arguments of `daily_averages.py`."""
    return ["--config", str(config), "--run-id", run_id, *(part for one in overrides for part in ("--set", one)), *flags]

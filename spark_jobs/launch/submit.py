"""How `spark-submit` is called for the job: command line, with absolute paths, and environment,
so that it works from anywhere.
"""

import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spark_jobs.base.errors import ConfigurationError
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.class_archive import archive_options
from spark_jobs.launch.spark_environment import in_one_text, jvm_options, options_beside, spark_variables, without_foreign

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
"""Five times Java's own: what a minute's run calls less often costs more to compile well than it gains by it."""

LONG_METHODS_TOO = "-XX:-DontCompileHugeMethods"
"""Spark makes one method of a record with declared fields, and from about four fields on that has more than the 8,000 bytes up to
which Java compiles. Without this the method is interpreted, and a message takes nearly twice as long.

Both stand in `conf/spark-defaults.conf` too, for `spark-submit` by hand. The collector does not: a JVM takes one only, and would
not start beside a collector that the user chose in `JAVA_TOOL_OPTIONS`.
"""

MASTER, EXTRA_OPTIONS = "spark.master", "spark.driver.extraJavaOptions"

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


def spark_conf(offsets: int | None = None, chosen: Sequence[str] = ()) -> dict[str, str]:
    """Settings of `conf/spark-defaults.conf` that hold paths, made absolute, for a run that will read so many offsets.

    `chosen` are options that the driver's JVM gets elsewhere, besides those in the environment.
    """
    options = options_beside(java_options(offsets), [*jvm_options(os.environ), *chosen])
    jars = str(PROJECT / "jars" / "spark" / "*")
    return {
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.defaultJavaOptions": in_one_text(options),
        "spark.executor.defaultJavaOptions": LONG_METHODS_TOO,
        "spark.pyspark.python": sys.executable,
    }


def java_options(offsets: int | None) -> Iterator[str]:
    """Options of the driver's JVM, as far as the user has not settled the same."""
    yield COLLECTOR
    yield from SECOND_COMPILER_LATER
    yield LONG_METHODS_TOO
    # A list of URIs: a blank or a comma of the folder's name is not to be taken for what it means there.
    yield f"-Dlog4j2.configurationFile={(PROJECT / 'conf' / 'log4j2.properties').as_uri()}"
    yield from archive_options()
    if offsets is not None and offsets <= SMALL:
        yield FIRST_COMPILER


def submit_command(arguments: Iterable[str], submission: Submission = PLAIN) -> list[str]:
    """Command line that runs the job with these arguments."""
    conf = {
        **spark_conf(submission.offsets, _extra_options(submission)),
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


def _extra_options(submission: Submission) -> list[str]:
    settings = {**default_conf(), **dict(submission.conf)}
    return [settings[EXTRA_OPTIONS]] if EXTRA_OPTIONS in settings else []


def default_conf() -> dict[str, str]:
    """The settings of `conf/spark-defaults.conf`."""
    lines = [line.strip() for line in PROPERTIES.read_text(encoding="utf-8").splitlines()]
    pairs = [re.match(r"([^#!=:\s][^=:\s]*)\s*[=:\s]\s*(.*)", line) for line in lines]
    return {pair[1]: pair[2] for pair in pairs if pair}


def submitted_environment(environment: Mapping[str, str], java: Path, master: str | None = None) -> dict[str, str]:
    """The environment of a `spark-submit` on this master, by default that of `conf/spark-defaults.conf`: the pinned Spark
    whatever is set.

    `ConfigurationError` for what the user has set and nobody can work with.
    """
    ours = {"JAVA_HOME": str(java), "SPARK_HOME": str(_pyspark()), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(PROJECT)}
    return {
        **without_foreign(environment),
        **spark_variables(environment, master or default_conf().get(MASTER, "local[*]")),
        **ours,
    }


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

"""Every contestant: how it is started, what it delivers, where its averages are."""

import json
import re
import sys
from functools import partial
from pathlib import Path

from benchmarks.contestants import ours
from benchmarks.contestants.contestant import Contestant, Place
from benchmarks.contestants.results import csv_averages, csv_totals, delta_averages, delta_records, delta_totals
from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from spark_jobs.launch.submit import Submission, spark_conf, spark_submit, submit_command
from spark_jobs.local.setup.jars import fetch_jars, jar_paths

SCRIPTS = Path(__file__).parent
LOCK, JARS = PROJECT / "benchmarks" / "jars.lock", PROJECT / "jars" / "bench"
FLINK_PYTHON = PROJECT / ".flink" / "bin" / "python"
DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


def _arguments(place: Place) -> list[str]:
    return [place.bootstrap, place.topic, place.output, str(place.folder)]


def _python(script: str, place: Place) -> list[str]:
    return [sys.executable, str(SCRIPTS / script), *_arguments(place)]


def _conf(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]


def _streaming(script: str, place: Place) -> list[str]:
    """All settings are Spark's and Delta's own; the jars are those that `--packages` would fetch."""
    jars = ["--jars", ",".join(map(str, jar_paths("spark")))]
    return [str(spark_submit()), *jars, *_conf(DELTA_CONF), str(SCRIPTS / script), *_arguments(place)]


def _tuned_streaming(script: str, place: Place, *flags: str) -> list[str]:
    """With the settings that ours has for as many records: collector, compilers, class archive,
    two shuffle partitions, no web UI.
    """
    settings = {**DELTA_CONF, **spark_conf(place.fresh), "spark.databricks.delta.snapshotPartitions": "1"}
    properties = ["--properties-file", str(PROJECT / "conf" / "spark-defaults.conf")]
    return [str(spark_submit()), *properties, *_conf(settings), str(SCRIPTS / script), *_arguments(place), *flags]


def _flink(script: str, place: Place) -> list[str]:
    (jar,) = jar_paths("flink", LOCK, JARS)
    return [str(FLINK_PYTHON), str(SCRIPTS / script), *_arguments(place), "--jar", str(jar)]


def _flink_is_missing() -> str | None:
    if not FLINK_PYTHON.exists():
        return "Flink is not installed: make flink"
    fetch_jars(LOCK, JARS)
    return None


def _java_consumer(place: Place) -> list[str]:
    """What the script kafka-consumer-perf-test starts, with that script's heap."""
    fetch_jars(LOCK, JARS)
    jars = ":".join(map(str, [*jar_paths("perf", LOCK, JARS), *jar_paths("kafka")]))
    tool = [str(find_java() / "bin" / "java"), "-Xmx512M", "-cp", jars, "org.apache.kafka.tools.ConsumerPerformance"]
    wanted = {"bootstrap-server": place.bootstrap, "topic": place.topic, "num-records": str(place.records), "timeout": "60000"}
    return [*tool, *(part for name, value in wanted.items() for part in (f"--{name}", value))]


def _java_count(log: str) -> int:
    """The fifth column of the tool's last line."""
    return int(log.strip().splitlines()[-1].split(",")[4])


def _spark_reading(place: Place) -> list[str]:
    command = submit_command([*_arguments(place), json.dumps(place.starts)], Submission(offsets=place.fresh))
    command[command.index(str(PROJECT / "spark_jobs" / "daily_averages.py"))] = str(SCRIPTS / "spark_reading.py")
    return command


def _printed_count(log: str) -> int:
    return int(re.findall(r"^records (\d+)$", log, re.MULTILINE)[-1])


CONTESTANTS = {
    one.name: one
    for one in (
        ours.EVERYTHING,
        ours.AVERAGES_ONLY,
        ours.BY_HAND,
        ours.MAINTAINED,
        Contestant(
            "streaming_averages",
            "Structured Streaming (a)",
            "averages, sums of doubles",
            lambda place: _streaming("streaming_averages.py", place),
            averages=lambda place: delta_averages(place.folder / "averages", "readings"),
            exact=False,
        ),
        Contestant(
            "streaming_averages_tuned",
            "Structured Streaming (a), our settings",
            "averages, sums of doubles",
            lambda place: _tuned_streaming("streaming_averages.py", place),
            averages=lambda place: delta_averages(place.folder / "averages", "readings"),
            exact=False,
        ),
        Contestant(
            "streaming_everything",
            "Structured Streaming (b)",
            "records, exact averages, output topic; at least once",
            lambda place: _streaming("streaming_everything.py", place),
            averages=lambda place: delta_averages(place.folder / "averages", "value_count"),
            records=lambda place: delta_records(place.folder / "records"),
            publishes=True,
        ),
        Contestant(
            "streaming_everything_tuned",
            "Structured Streaming (b), our settings",
            "records, exact averages, output topic; at least once",
            lambda place: _tuned_streaming("streaming_everything.py", place),
            averages=lambda place: delta_averages(place.folder / "averages", "value_count"),
            records=lambda place: delta_records(place.folder / "records"),
            publishes=True,
        ),
        Contestant(
            "tutorial",
            "Python consumer, CSV, pandas",
            "readings as CSV, averages (sums of doubles), output topic; at least once",
            lambda place: _python("tutorial.py", place),
            averages=lambda place: csv_averages(place.folder / "averages.csv", header=True),
            exact=False,
            publishes=True,
        ),
        Contestant(
            "polars",
            "librdkafka, Polars, delta-rs",
            "records, exact averages, output topic; at least once",
            lambda place: _python("polars_delta.py", place),
            averages=lambda place: delta_averages(place.folder / "averages", "value_count"),
            records=lambda place: delta_records(place.folder / "records"),
            publishes=True,
        ),
        Contestant(
            "flink",
            "Flink SQL, bounded",
            "exact averages, as CSV",
            partial(_flink, "flink_sql.py"),
            averages=lambda place: csv_averages(place.folder / "averages", header=False),
            goes_on=False,
            missing=_flink_is_missing,
        ),
        Contestant("java_reading", "floor: Java consumer", "nothing", _java_consumer, counted=_java_count, goes_on=False),
        Contestant(
            "librdkafka_reading",
            "floor: librdkafka",
            "nothing",
            lambda place: _python("librdkafka_reading.py", place),
            counted=_printed_count,
            goes_on=False,
        ),
        Contestant("spark_reading", "floor: Spark into noop", "nothing", _spark_reading, counted=_printed_count),
        ours.ADS,
        ours.OF_PEOPLE,
        Contestant(
            "streaming_ads",
            "Structured Streaming, totals only, our settings",
            "exact totals with different users; at least once",
            lambda place: _tuned_streaming("streaming_ads.py", place),
            totals=lambda place: delta_totals(place.folder),
        ),
        Contestant(
            "streaming_ads_everything",
            "Structured Streaming, our settings",
            "records, exact totals with different users, output topic; at least once",
            lambda place: _tuned_streaming("streaming_ads.py", place, "--everything"),
            totals=lambda place: delta_totals(place.folder),
            records=lambda place: delta_records(place.folder / "records"),
            publishes=True,
        ),
        Contestant(
            "polars_ads",
            "librdkafka, Polars, delta-rs",
            "records, exact totals with different users, output topic; at least once",
            lambda place: _python("polars_ads.py", place),
            totals=lambda place: delta_totals(place.folder),
            records=lambda place: delta_records(place.folder / "records"),
            publishes=True,
        ),
        Contestant(
            "flink_ads",
            "Flink SQL, bounded",
            "exact totals with different users, as CSV",
            partial(_flink, "flink_ads.py"),
            totals=lambda place: csv_totals(place.folder),
            goes_on=False,
            missing=_flink_is_missing,
        ),
    )
}

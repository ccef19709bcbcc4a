"""`python -m spark_jobs.local.demo.load_readings [DAYS]`: send the household readings that the pipeline's input topic still
lacks.

For a Kafka that is somebody else's to start, as in containers; the demo does the same on its own. Goes on where an earlier load
ended, so a few days first and the rest later are what a pipeline sees day by day. The Kafka properties file is that of the
pipeline, or the one that `DAYFOLD__KAFKA` names.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import DayfoldError
from spark_jobs.base.wording import counted
from spark_jobs.broker.cluster import connect
from spark_jobs.local.demo.loading import send_missing
from spark_jobs.local.demo.readings import find_csv, missing_rows, read_readings
from spark_jobs.pipeline.files import DEFAULT_FOLDER
from spark_jobs.pipeline.settings import load_pipeline

CONFIG = DEFAULT_FOLDER / "daily_voltage.yaml"


def load_first_days(config: Path, days: int | None) -> tuple[int, str]:
    """Send what is missing of the first `days` days, all of them if None: how many readings that were, and to which topic."""
    pipeline = load_pipeline(config, environment=os.environ)
    kafka = load_kafka_settings(pipeline.kafka, os.environ)
    readings, topic = read_readings(find_csv()), pipeline.input.topic
    with connect(kafka) as broker:
        present = {one.number: one.high for one in broker.topic(topic).partitions}
    missing = missing_rows(readings.days[:days], present, len(present))
    return send_missing(kafka.librdkafka(), topic, readings, missing, lambda _: None), topic


def main(arguments: Sequence[str]) -> int:
    """Load and say how much that was; the exit code."""
    parser = argparse.ArgumentParser(prog="load_readings", description="Send the household readings that the topic still lacks.")
    parser.add_argument("days", type=int, nargs="?", help="only so many days from the start (default: all of them)")
    try:
        sent, topic = load_first_days(CONFIG, parser.parse_args(arguments).days)
    except DayfoldError as error:
        print(f"dayfold: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{counted(sent, 'reading')} sent to {topic}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

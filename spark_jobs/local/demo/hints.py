"""What the demo leaves behind: where one finds it, and three commands that work as they stand,
in the folder where the demo was started.
"""

import json
import os
from pathlib import Path

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.local.demo.dag_runs import Scheduler
from spark_jobs.local.demo.report import Hint
from spark_jobs.local.kafka.server import RunningKafka, client_file
from spark_jobs.pipeline.settings import Pipeline, load_pipeline


def places(folder: Path, airflow: Scheduler) -> dict[str, str]:
    """Where one finds what was made."""
    return {
        "plot and tables": shown(folder / "daily_voltage.html"),
        "picture": shown(folder / "daily_voltage.png"),
        "Delta tables": shown(Path(airflow.pipeline.lake) / airflow.pipeline.name),
        "logs of the DAG runs": shown(airflow.logs),
    }


def hints(pipeline: Pipeline, config: Path, kafka: RunningKafka) -> tuple[Hint, ...]:
    """Three things to try."""
    dayfold, python, named = ".venv/bin/dayfold", ".venv/bin/python", shown(config)
    override = "" if _is_default(config, kafka) else f" --set kafka={shown(client_file(kafka.folder))}"
    late = json.dumps('{"datetime": "26/11/2010 21:03:00", "voltage": 245}')
    client = json.dumps({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2"})
    send = f'p = Producer({client}); p.produce("{pipeline.input.topic}", {late}, "2010-11-26"); p.flush()'
    table = shown(Path(pipeline.lake) / pipeline.name / "daily_averages")
    return (
        Hint("See where the pipeline stands:", f"{dayfold} status {named}{override}"),
        Hint(
            "Send one more reading, and average it without reading the others again:",
            f"{python} -c 'from confluent_kafka import Producer; {send}'\n{dayfold} run {named}{override}",
        ),
        Hint(
            "Read a table without Spark:",
            f"{python} -c \"from deltalake import DeltaTable as T; print(T('{table}').to_pandas().sort_values('date'))\"",
        ),
    )


def _is_default(config: Path, kafka: RunningKafka) -> bool:
    """Whether the committed settings reach the demo's Kafka."""
    named = load_pipeline(config, environment=os.environ).kafka
    return named.exists() and load_kafka_settings(named, os.environ).servers == kafka.bootstrap


def shown(path: Path) -> str:
    """Short where that means the same."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

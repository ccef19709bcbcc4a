"""What the tests of the DAGs ask a process with a real Airflow, and the launcher that stands in for Spark's meanwhile."""

import json
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spark_jobs.base.project import PROJECT

Facts = Mapping[str, Any]

NO_PARAMS: Mapping[str, Any] = {
    "max_records_per_batch": None,
    "accept_loss": False,
    "adopt_topic": False,
    "adopt_definition": False,
}
SWITCHES = ("accept_loss", "adopt_topic", "adopt_definition")
TRIED_AGAIN, FAILED = "AirflowException", "AirflowFailException"
REFUSED = [
    ("max_records_per_batch", "many"),
    ("max_records_per_batch", 0),
    ("max_records_per_batch", 1.5),
    ("accept_loss", "yes"),
    ("adopt_topic", 1),
    ("adopt_definition", 0),
]
ACCEPTED = [
    ("max_records_per_batch", 5),
    ("max_records_per_batch", None),
    *((name, value) for name in SWITCHES for value in (True, False, None)),
]
CODES = {"0": None, "1": FAILED, "64": FAILED, "65": FAILED, "70": FAILED, "75": TRIED_AGAIN, "76": FAILED, "78": FAILED} | {
    "137": TRIED_AGAIN,
    "killed": TRIED_AGAIN,
}

# Stands in for Spark's launcher: notes how it was called, says what the job would say, ends as it is told to.
LAUNCHER = f"""#!/bin/sh
printf '%s\\n' "$@" > "$NOTES"
printf '%s\\n' "PYSPARK_PYTHON=$PYSPARK_PYTHON" "BY=$DAYFOLD_OPERATOR" "JAVA_HOME=$JAVA_HOME" >> "$NOTES"
echo "12:00:00 plan     batch 1"
echo "dayfold: no Kafka broker answered" >&2
echo "is it running?" >&2
[ "$CODE" = killed ] && kill -{int(signal.SIGKILL)} $$
exit "$CODE"
"""


def connection(**fields: Any) -> str:
    return json.dumps({"conn_type": "spark", "extra": {"spark-binary": "spark-submit"}, **fields})


LOCAL = connection(host="local[2]")


CANARY = f"canary{secrets.token_hex(16)}"
"""The Kafka password of the pipelines that are asked about, in their properties file and in the environment of `submit`."""


def pipelines(folder: Path) -> Path:
    """The shipped pipeline and a second one, of which somebody wants to hear when it fails."""
    folder.mkdir()
    (folder / "conf").mkdir()
    (folder / "conf" / "kafka.properties").write_text(f"bootstrap.servers=127.0.0.1:1\nsasl.password={CANARY}\n")
    shutil.copy(PROJECT / "conf" / "pipelines" / "daily_voltage.yaml", folder)
    text = (folder / "daily_voltage.yaml").read_text()
    alerts = "alerts: {mail_to: [night@example.org], webhook_connection: alerts_webhook}\n"
    second = text.replace("name: daily_voltage", "name: hourly_current").replace("-output-topic", "-output-topic-hourly")
    (folder / "second.yml").write_text(second + alerts)
    return folder


def woken_pipelines(folder: Path) -> Path:
    """The shipped pipeline, started by messages as well."""
    folder.mkdir()
    text = (PROJECT / "conf" / "pipelines" / "daily_voltage.yaml").read_text()
    (folder / "daily_voltage.yaml").write_text(f"{text}airflow: {{messages_connection: kafka_default}}\n")
    return folder


def broken_pipelines(folder: Path) -> Path:
    """The same two between files with a misspelt key, with a name that is taken, and with no YAML."""
    text = (pipelines(folder) / "daily_voltage.yaml").read_text()
    (folder / "a_misspelt.yaml").write_text(text.replace("daily_voltage", "misspelt").replace("max_records", "max_recrods"))
    (folder / "e_again.yaml").write_text(text)
    (folder / "z_no_yaml.yaml").write_text("name: [")
    return folder


def submit_cases(notes: Path) -> dict[str, dict[str, Any]]:
    def case(name: str, spark: str | None, code: str = "0", params: Mapping[str, Any] = NO_PARAMS) -> dict[str, Any]:
        return {
            "environment": {
                "CODE": code,
                "NOTES": str(notes / name),
                "AIRFLOW_CONN_SPARK_DEFAULT": spark,
                "KAFKA_PASSWORD": CANARY,
            },
            "params": params,
        }

    return {
        **{code: case(code, LOCAL, code) for code in CODES},
        "params": case(
            "params",
            LOCAL,
            params={"max_records_per_batch": 7, "accept_loss": True, "adopt_topic": True, "adopt_definition": True},
        )
        | {"user": "anna"},
        "null": case("null", LOCAL, params=dict.fromkeys(NO_PARAMS)),
        "yarn": case("yarn", connection(host="yarn")),
        "no connection": case("no connection", None),
        "no master": case("no master", connection()),
        "driver on the cluster": case(
            "driver on the cluster", connection(host="spark://127.0.0.1:7077", extra={"deploy-mode": "cluster"})
        ),
    }

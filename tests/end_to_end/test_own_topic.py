"""`docs/your-own-topic.md`: its commands, typed in their order by somebody whose project folder holds no pipeline yet."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable

from spark_jobs.base.project import PROJECT
from spark_jobs.launch.java import find_java
from spark_jobs.local.kafka.server import RunningKafka, create_topics
from spark_jobs.pipeline.files import FOLDER_VARIABLE

PAGE = (PROJECT / "docs" / "your-own-topic.md").read_text()
TOPIC = "meter-readings"


def commands_of_the_page() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if not line.startswith("source ")]


@pytest.mark.thorough
@pytest.mark.group("AF")
@pytest.mark.proves("F207", "F208", "F209")
def test_the_commands_of_the_page_lead_from_a_topic_to_its_averages(tmp_path: Path, kafka: RunningKafka) -> None:
    create_topics(kafka.bootstrap, {TOPIC: 2})
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "enable.idempotence": "true"})
    for number in range(40):
        message = {"meter": f"m{number % 3}", "ts": f"{day}T12:00:{number:02}Z", "watt": 100 + number}
        producer.produce(TOPIC, json.dumps(message), partition=number % 2)
    assert producer.flush(20) == 0
    (tmp_path / "conf" / "pipelines").mkdir(parents=True)
    (tmp_path / "conf" / "kafka.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    said = [typed(command, tmp_path) for command in commands_of_the_page()]
    assert [command.split()[1] for command in commands_of_the_page()] == ["init", "topic", "plan", "run", "status", "audit"]
    assert "the average of watt per day of ts" in said[0]
    assert "of the next 20 messages 20 would be accepted, 0 rejected" in said[2]
    averages = DeltaTable(tmp_path / "data" / "lake" / "meter_readings" / "daily_averages").to_pyarrow_table().to_pylist()
    assert {(row["partition"], str(row["date"]), row["average"], row["value_count"]) for row in averages} == {
        (0, day, 119, 20),
        (1, day, 120, 20),
    }
    AdminClient({"bootstrap.servers": kafka.bootstrap}).delete_topics([TOPIC, f"{TOPIC}-daily-averages"])


def typed(command: str, folder: Path) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JAVA_HOME": str(find_java()),
        FOLDER_VARIABLE: str(folder / "conf" / "pipelines"),
    }
    environment.pop("PYSPARK_SUBMIT_ARGS", None)
    done = subprocess.run(command.split(), cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout

"""`docs/messages.md`: its consumer, taken from the page, comes to what the table holds."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.base.project import PROJECT
from spark_jobs.broker.publisher import REPUBLISHED, OutputRecord, Publisher
from spark_jobs.lake.rows import read_rows
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.run.output_records import output_record
from tests import parsing_rules
from tests.daily_tables import DAILY_AVERAGES
from tests.kafka.conftest import NewSettings, Writer
from tests.stored import finish_batch, lake_of, plan_batch, stored_pipeline

NewTopic = Callable[..., str]
PAGE = (PROJECT / "docs" / "messages.md").read_text()
RULES = parsing_rules.rules(value_field="voltage")

WRONG = OutputRecord(0, b"2026-01-01", b'{"date": "2026-01-01", "voltage": 1}', (("revision", b"9"),))


def consumer_of_the_page() -> Callable[[str, str], dict[tuple[int, str], tuple[int, Any]]]:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Callable[[str, str], dict[tuple[int, str], tuple[int, Any]]] = names["newest_averages"]
    return found


@pytest.mark.group("KO")
@pytest.mark.proves("F203")
def test_the_consumer_of_the_page_holds_what_the_table_holds(
    tmp_path: Path, kafka: RunningKafka, new_settings: NewSettings, new_topic: NewTopic, writer: Writer
) -> None:
    topic, pipeline, read = new_topic(2), stored_pipeline(tmp_path, 0), consumer_of_the_page()
    for batch in (1, 2):
        plan_batch(pipeline, batch)
        finish_batch(pipeline, batch)
        stored = read_rows(lake_of(pipeline).open(DAILY_AVERAGES)).to_pylist()
        publisher = Publisher.open(new_settings(kafka.bootstrap), f"{topic}-p")
        publisher.fence()
        records = [output_record(row, DAILY_AVERAGE, pipeline="p", rules=RULES, partitions=2) for row in stored]
        publisher.publish(topic, records, [TopicPartition(topic, 0, 1)])
        with writer.transaction(topic, 0, "a try that will be aborted") as producer:
            producer.produce(topic, WRONG.value, WRONG.key, WRONG.partition, headers=list(WRONG.headers))
            assert producer.flush(20) == 0
            producer.abort_transaction(20)
        writer.wait_until_stable(topic, 0)
        wanted = {
            (row["partition"], row["date"].isoformat()): (
                row["revision"],
                {"date": row["date"].isoformat(), "voltage": Decimal(row["average"])},
            )
            for row in stored
        }
        assert {revision for revision, _ in wanted.values()} == {batch}
        assert read(kafka.bootstrap, topic) == wanted


def test_the_page_names_every_part_of_a_message() -> None:
    row = {"partition": 3, "date": date(2006, 12, 23), "batch": 7, "revision": 2, "value_count": 1440}
    total = {**row, "average": Decimal("239.940000")}
    record = output_record(total, DAILY_AVERAGE, pipeline="daily_voltage", rules=RULES, partitions=4)
    named = dict(re.findall(r"^\| (?:header )?`?(\w+)`? \|.*\| `?([^|`]+)`? \|$", PAGE, flags=re.MULTILINE))
    assert (named["key"], named["value"]) == (record.key.decode(), record.value.decode())
    assert {name: named[name] for name, _ in record.headers} == {name: value.decode() for name, value in record.headers}
    assert REPUBLISHED in named

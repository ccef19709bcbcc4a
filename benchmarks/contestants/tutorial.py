"""A plain Python consumer as a first tutorial writes it: poll, append to a CSV file, average the whole file with pandas, produce.

Where it stands is in a local file of offsets, written at the end: a crash before it reads and counts the same messages again.
Sums are doubles.
"""

import argparse
import csv
import json
from datetime import datetime
from pathlib import Path

import pandas as pd
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    asked = parser.parse_args()
    folder = Path(asked.folder)
    offsets_file, readings_file = folder / "offsets.json", folder / "readings.csv"
    offsets = json.loads(offsets_file.read_text()) if offsets_file.exists() else {}
    if not poll(asked, offsets, readings_file):
        print("nothing new")
        return
    averages = averages_of(readings_file)
    averages.to_csv(folder / "averages.csv", index=False)
    produce(asked, averages)
    offsets_file.write_text(json.dumps(offsets))


def poll(asked: argparse.Namespace, offsets: dict[str, int], readings_file: Path) -> int:
    """Append every message up to the topic's present end to the CSV file; how many that were."""
    consumer = Consumer({"bootstrap.servers": asked.bootstrap, "group.id": asked.folder, "enable.auto.commit": False})
    partitions = consumer.list_topics(asked.topic, 10).topics[asked.topic].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(asked.topic, number), 10)[1] for number in partitions}
    wanted = {number: end for number, end in ends.items() if offsets.get(str(number), 0) < end}
    consumer.assign([TopicPartition(asked.topic, number, offsets.get(str(number), 0)) for number in wanted])
    count = 0
    with readings_file.open("a", newline="") as file:
        writer = csv.writer(file)
        while wanted:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            partition, offset = message.partition() or 0, message.offset() or 0
            reading = json.loads(message.value() or b"")
            moment = datetime.strptime(reading["datetime"], "%d/%m/%Y %H:%M:%S")
            writer.writerow([partition, moment.isoformat(), reading["voltage"]])
            count += 1
            offsets[str(partition)] = offset + 1
            if offset + 1 >= ends[partition]:
                wanted.pop(partition, None)
    consumer.close()
    return count


def averages_of(readings_file: Path) -> pd.DataFrame:
    """Averages per partition and day of all readings so far."""
    readings = pd.read_csv(readings_file, names=["partition", "datetime", "voltage"], parse_dates=["datetime"])
    readings["date"] = readings["datetime"].dt.date
    days = readings.groupby(["partition", "date"])["voltage"]
    return days.agg(average="mean", readings="count").reset_index()


def produce(asked: argparse.Namespace, averages: pd.DataFrame) -> None:
    """Send every average."""
    producer = Producer({"bootstrap.servers": asked.bootstrap})
    for partition, date, average, _ in averages.itertuples(index=False, name=None):
        value = json.dumps({"date": str(date), "voltage": average})
        producer.produce(asked.output, value, str(date), partition=partition)
        producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    main()

"""Flink SQL on a bounded Kafka source, totals only, into CSV files: Flink 2 has no Delta connector.

Both aggregates are one job that reads the topic once. Sums are exact decimals, and different users are counted exactly. An hour
is the beginning of the text of a time, which is cheaper than reading it: all times are in UTC. Every run reads the topic from its
beginning: a bounded source keeps no offsets from one run to the next. Needs an environment of its own, which `make flink` makes.
"""

import argparse

from pyflink.table import EnvironmentSettings, TableEnvironment

SOURCE = """
CREATE TABLE events (
  ts STRING,
  `user` STRING,
  channel STRING,
  cost DECIMAL(12, 6)
) WITH (
  'connector' = 'kafka',
  'topic' = '{topic}',
  'properties.bootstrap.servers' = '{bootstrap}',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
)
"""

SINK = """
CREATE TABLE {name} (
  `window` STRING,
  channel STRING,
  events BIGINT,
  cost DECIMAL(38, 6),
  users BIGINT
) WITH (
  'connector' = 'filesystem',
  'path' = '{folder}/{name}',
  'format' = 'csv'
)
"""

QUERY = """
INSERT OVERWRITE {name}
SELECT `window`, channel, COUNT(*), SUM(cost), COUNT(DISTINCT `user`)
FROM (SELECT SUBSTR(ts, 1, {length}) AS `window`, channel, cost, `user` FROM events)
GROUP BY `window`, channel
"""

WINDOWS = {"hourly": len("2026-03-01T09"), "daily": len("2026-03-01")}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    parser.add_argument("--jar", required=True, help="the Kafka connector")
    asked = parser.parse_args()
    tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    tables.get_config().set("pipeline.jars", f"file://{asked.jar}")
    tables.execute_sql(SOURCE.format(topic=asked.topic, bootstrap=asked.bootstrap))
    both = tables.create_statement_set()
    for name, length in WINDOWS.items():
        tables.execute_sql(SINK.format(folder=asked.folder, name=name))
        both.add_insert_sql(QUERY.format(name=name, length=length))
    both.execute().wait()


if __name__ == "__main__":
    main()

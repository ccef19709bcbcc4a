"""Flink SQL on a bounded Kafka source, averages only, into CSV files: Flink 2 has no Delta connector.

Sums are exact decimals. Every run reads the topic from its beginning: a bounded source keeps no offsets from one run to the next.
Needs an environment of its own, which `make flink` makes.
"""

import argparse

from pyflink.table import EnvironmentSettings, TableEnvironment

SOURCE = """
CREATE TABLE readings (
  `partition` INT METADATA VIRTUAL,
  `datetime` STRING,
  voltage DECIMAL(18, 6)
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
CREATE TABLE averages (
  `partition` INT,
  `date` STRING,
  average DECIMAL(18, 6),
  readings BIGINT
) WITH (
  'connector' = 'filesystem',
  'path' = '{folder}/averages',
  'format' = 'csv'
)
"""

QUERY = """
INSERT OVERWRITE averages
SELECT `partition`, `date`, CAST(SUM(voltage) / COUNT(*) AS DECIMAL(18, 6)), COUNT(*)
FROM (
  SELECT `partition`, voltage, CONCAT(SUBSTR(`datetime`, 7, 4), '-', SUBSTR(`datetime`, 4, 2), '-', SUBSTR(`datetime`, 1, 2)) AS `date`
  FROM readings
)
GROUP BY `partition`, `date`
"""  # noqa: E501 - a page


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "topic", "output", "folder"):
        parser.add_argument(name)
    parser.add_argument("--jar", required=True, help="the Kafka connector")
    asked = parser.parse_args()
    tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    tables.get_config().set("pipeline.jars", f"file://{asked.jar}")
    tables.execute_sql(SOURCE.format(topic=asked.topic, bootstrap=asked.bootstrap))
    tables.execute_sql(SINK.format(folder=asked.folder))
    tables.execute_sql(QUERY).wait()


if __name__ == "__main__":
    main()

"""What a run reads and writes, in OpenLineage's names: https://openlineage.io/docs/spec/naming.

Asked for by Airflow's provider, in a task that is over, and only where a transport is configured.
"""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spark_jobs.base.location import is_uri
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


def lineage_of(pipeline: Pipeline) -> "OperatorLineage[Any, Any]":
    """From the input topic to the tables and the output topic."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import storage_dataset

    from spark_jobs.lake.stored import stored_lake
    from spark_jobs.outlook.lookahead import kafka_servers

    cluster = cluster_name(kafka_servers(pipeline, os.environ))
    lake = stored_lake(pipeline)
    delta = {"storage": storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet")}
    tables = [OutputDataset(*table_name(lake.location(table)), facets=dict(delta)) for table in lake.names]
    return OperatorLineage(
        inputs=[InputDataset(cluster, pipeline.input.topic)],
        outputs=[*(OutputDataset(cluster, one) for one in pipeline.output_topics), *tables],
    )


def cluster_name(servers: str) -> str:
    """The namespace of a Kafka cluster: the first of its servers.

    >>> cluster_name("one:9092,two:9092"), cluster_name("SASL_SSL://one")
    ('kafka://one:9092', 'kafka://one:9092')
    """
    first = servers.split(",")[0].strip().rpartition("://")[2]
    return f"kafka://{first}" if ":" in first else f"kafka://{first}:9092"


def table_name(location: str) -> tuple[str, str]:
    """Namespace and name of a table.

    >>> table_name("/data/lake/p/records"), table_name("s3://bucket/lake/p/records")
    (('file', '/data/lake/p/records'), ('s3://bucket', 'lake/p/records'))
    """
    if not is_uri(location):
        return "file", location
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")

"""Spark as the engine of a run: it reads a batch's messages from Kafka, writes its records and adds them up.

Spark's own Kafka source turns the timestamp of every record into microseconds, whether anybody wants it or not, and ends the task
where that overflows: nanoseconds in place of milliseconds do, and a producer may send any number (seen with Spark 4.2: neither
its options nor a plan without the column avoid it). No rerun would ever get past such a record, and it holds up the partitions
beside it. So the whole batch is then read by librdkafka, to which a timestamp is a number, at a fraction of Spark's speed.
"""

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from spark_jobs.access.java_secrets import secrets_file
from spark_jobs.aggregates.adding_up import accepted, contributions_of, sums_of
from spark_jobs.aggregates.aggregate import BATCH, Aggregate
from spark_jobs.aggregates.daily_average import DAILY_AVERAGE
from spark_jobs.aggregates.together import together
from spark_jobs.base.location import for_spark
from spark_jobs.lake.record_files import files_of_batches, new_folder
from spark_jobs.lake.schemas import FILTERED, RECORDS, REJECTED
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.progress.offsets import OffsetRange, Plan
from spark_jobs.readings.declared_records import declared_records_of
from spark_jobs.readings.messages import holes_of, read_messages
from spark_jobs.readings.records import records_of
from spark_jobs.run.job import Job
from spark_jobs.run.message_file import written_messages

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

T = TypeVar("T")

_REFUSED = re.compile(r"Record at topic \S+ partition \d+ offset \d+ has timestamp value -?\d+(?= that overflows)")

_FOR_SPARK = (
    "partition int, offset bigint, timestamp timestamp, key binary, value binary, "
    "headers array<struct<key: string, value: binary>>"
)
Reader = Callable[..., "DataFrame"]
"""How Spark reads the visible messages of a topic's ranges: `read_messages`, or in a test a reader that sees other things."""


@dataclass(frozen=True)
class SparkEngine:
    """Spark as the engine of a run; `spark` makes the session, which is not asked for before it is needed."""

    spark: Callable[[], "SparkSession"]
    read: Reader = read_messages
    _added: dict[tuple[int, str, str], pa.Table] = field(default_factory=dict)

    def write_records(self, job: Job, plan: Plan, *, only_rejected: bool) -> str:
        """See `Engine`."""

        def write(messages: "DataFrame") -> str:
            records, folder = _parsed(messages, plan), new_folder(plan.batch)
            kept = records.where("rejected_because IS NOT NULL") if only_rejected else records
            write_parquet(kept, f"{job.lake.location(RECORDS)}/{folder}")
            return folder

        return self._reading(job, plan.ranges, write, headers=_reads_headers(plan))

    def add_up_stored(self, job: Job, plan: Plan, aggregate: Aggregate) -> pa.Table:
        """See `Engine`. What comes out of the same pass is kept until it is asked for."""
        place = (plan.batch, plan.nonce, aggregate.name)
        if place not in self._added:
            self._added.clear()
            self._added.update({(*place[:2], name): rows for name, rows in self._add_up_with(job, plan, aggregate)})
        return self._added.pop(place)

    def _add_up_with(self, job: Job, plan: Plan, aggregate: Aggregate) -> Iterator[tuple[str, pa.Table]]:
        """What the batch adds to this aggregate, and to all that are added up in the same pass."""
        batches = (1, plan.rebuild.upto) if plan.rebuild else (plan.batch, plan.batch)
        if not aggregate.is_declared:
            yield aggregate.name, contributions_of(read_stored(self.spark(), job.lake, batches, aggregate), aggregate).toArrow()
            return
        asked = [one for one in job.lake.layout.aggregates if not plan.rebuild or one.name == plan.rebuild.aggregate]
        (shared,) = (one for one in together(asked) if aggregate in one.aggregates)
        added = shared.add_up(accepted(read_stored(self.spark(), job.lake, batches, *shared.aggregates))).toArrow()
        yield from ((one.name, shared.contributions(added, one, plan.batch)) for one in shared.aggregates)

    def add_up(self, job: Job, plan: Plan) -> pa.Table:
        """See `Engine`."""
        return self._reading(job, plan.ranges, lambda messages: sums_of(_parsed(messages, plan), DAILY_AVERAGE).toArrow())

    def find_holes(self, job: Job, ranges: Iterable[OffsetRange]) -> pa.Table:
        """See `Engine`."""
        return self._reading(job, tuple(ranges), lambda messages: holes_of(messages).toArrow())

    def _reading(self, job: Job, ranges: Sequence[OffsetRange], use: Callable[["DataFrame"], T], *, headers: bool = False) -> T:
        """What `use` makes of the visible messages of these ranges, one row each;
        it may be called a second time and must act on all of them.
        """
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        spark = self.spark()
        secrets = secrets_file(job.pipeline, spark.conf.get("spark.master") or "", os.environ)
        java = job.kafka.java(secrets)
        job.kafka.write_java_secrets(secrets)
        try:
            return use(self.read(spark, job.pipeline.input.topic, ranges, source_options(java, headers=headers)))
        except (Py4JJavaError, PySparkException) as error:
            refused = _REFUSED.search(str(error))
            if refused is None:
                raise
        log.warning(
            "Spark cannot read this batch (%s, which is no time in milliseconds): it is read by the other client, which takes "
            "longer; see to the producer",
            refused[0],
        )
        with written_messages(job.broker, job.pipeline.input.topic, ranges, job.lake) as place:
            return use(spark.read.schema(_FOR_SPARK).parquet(place))


def source_options(java: Mapping[str, str], *, headers: bool) -> dict[str, str]:
    """Spark's options for its Kafka source: the client's settings, and whether messages come with their headers."""
    return {**{f"kafka.{name}": value for name, value in java.items()}, "includeHeaders": str(headers).lower()}


def write_parquet(records: "DataFrame", place: str) -> None:
    """Write records as plain Parquet files into a folder or URI that is not there yet."""
    records.write.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(for_spark(place))


def read_stored(spark: "SparkSession", lake: Lake, batches: tuple[int, int], *aggregates: Aggregate) -> "DataFrame":
    """What aggregates need of the stored records of the batches from the first to the last; there must be some."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = lake.layout.schemas[RECORDS]
    fate = (name for name in (BATCH, REJECTED, FILTERED) if name in schema.names)
    reads = (name for one in aggregates for name in one.reads)
    wanted = from_arrow_schema(pa.schema([schema.field(name) for name in dict.fromkeys([*fate, *reads])]))
    first, last = batches
    paths = map(for_spark, files_of_batches(lake, first, last))
    return spark.read.schema(wanted).parquet(*paths).where(f"batch BETWEEN {first:d} AND {last:d}")


def _reads_headers(plan: Plan) -> bool:
    return isinstance(plan.rules, DeclaredRules) and plan.rules.records.reads_headers


def _parsed(messages: "DataFrame", plan: Plan) -> "DataFrame":
    if isinstance(plan.rules, DeclaredRules):
        return declared_records_of(messages, rules=plan.rules, batch=plan.batch, nonce=plan.nonce, shapes=plan.shapes)
    return records_of(messages, rules=plan.rules, batch=plan.batch, nonce=plan.nonce)

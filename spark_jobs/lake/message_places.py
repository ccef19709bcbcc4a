"""Where the messages of a batch belong on the output topic, by its contributions alone: nothing is worked out again."""

from collections.abc import Iterator

from spark_jobs.aggregates.aggregate import BATCH
from spark_jobs.aggregates.messages import place_of
from spark_jobs.lake.rows import read_rows
from spark_jobs.lake.tables import Lake
from spark_jobs.progress.offsets import Plan


def message_places(lake: Lake, plan: Plan) -> Iterator[tuple[int, bytes]]:
    """Partition and key of each message of the batch; `lake` has the aggregates that the plan fills."""
    for one in lake.layout.published:
        rows = read_rows(lake.look(one.contributions_table), one.group, [(BATCH, "=", plan.batch)])
        yield from (place_of(one, row, len(plan.output_starts)) for row in rows.to_pylist())

"""The task `verify`: a few partitions of what a run read, compared with the table `records` and the consumer group."""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from spark_jobs.base.wording import counted
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.finished import done_of_run
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from spark_jobs.progress.counts import Counts
    from spark_jobs.progress.drift import GroupOffset
    from spark_jobs.progress.verification import PartitionRead

log = logging.getLogger("dayfold")


def verify_partitions(pipeline: Pipeline, run_id: str, partitions: Sequence[int]) -> dict[str, Any]:
    """Per partition what the run read and where the consumer group stands; fails with a sentence for each that disagrees.

    The log begins with the outcome of each partition.
    """
    from spark_jobs.progress.verification import disagreements, outcome, reads_of

    with failures_of_tasks():
        done = done_of_run(pipeline, run_id)
        stored = stored_counts(pipeline, [row.batch for row in done], partitions)
        group = committed_offsets(pipeline, partitions)
    reads = {number: one for number, one in reads_of(done).items() if number in partitions}
    found = {number: list(disagreements(one, stored[number], group.get(number))) for number, one in reads.items()}
    for number, one in reads.items():
        log.log(logging.ERROR if found[number] else logging.INFO, outcome(one, group.get(number), len(found[number])))
    for one in reads.values():
        log_state(one, group.get(one.partition))
    if wrong := [said for several in found.values() for said in several]:
        way_on = f"The batch was published all the same; `dayfold audit` of {pipeline.name} proves which place is wrong."
        raise AirflowFailException("\n".join([*wrong, way_on]))
    return {str(number): partition_report(one, group.get(number)) for number, one in reads.items()}


def stored_counts(pipeline: Pipeline, batches: Iterable[int], partitions: Iterable[int]) -> dict[int, "Counts"]:
    """What the table `records` holds of these batches, per partition."""
    from spark_jobs.lake.record_files import batch_rows
    from spark_jobs.lake.schemas import RECORDS
    from spark_jobs.lake.tables import Lake
    from spark_jobs.progress.counts import Counts

    table = Lake.of(pipeline).open(RECORDS)
    found = [batch_rows(table, batch) for batch in batches]
    totals = {}
    for number in partitions:
        rows = [one[number] for one in found if number in one]
        names = ("read", "accepted", "rejected", "filtered")
        totals[number] = Counts(number, gaps=0, **{name: sum(getattr(one, name) for one in rows) for name in names})
    return totals


def committed_offsets(pipeline: Pipeline, partitions: Sequence[int]) -> Mapping[int, "GroupOffset"]:
    """Where the consumer group stands, for the partitions that it has an offset of."""
    from spark_jobs.outlook.lookahead import find_group_offsets

    return find_group_offsets(pipeline, os.environ, partitions)


def log_state(one: "PartitionRead", group: "GroupOffset | None") -> None:
    """Where a partition stands, and a warning for each thing that is not wrong and not as it should be."""
    log.info(
        f"partition {one.partition}: offsets {one.start} to {one.end}, {one.accepted:,} accepted, {one.kept:,} of them in "
        f"the table records; the group is at {'-' if group is None else group.offset}"
    )
    if one.rejected:
        log.warning(
            f"partition {one.partition}: {one.rejected:,} of {counted(one.read, 'record')} rejected; dayfold rejected CONFIG "
            "shows each"
        )
    if group is None:
        log.warning(
            f"partition {one.partition}: the consumer group has no offset, it expired or was deleted; the checkpoint's "
            f"{one.end} is right, the next batch writes the group again"
        )


def partition_report(one: "PartitionRead", group: "GroupOffset | None") -> dict[str, Any]:
    """The same as plain values, for the XCom; `kept` of the accepted records are in `records`,
    `committed` is the group's offset, null if none.
    """
    figures = asdict(one)
    return {**figures, "batches": list(one.batches), "committed": None if group is None else group.offset}

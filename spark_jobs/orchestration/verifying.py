"""The task `verify`: a few partitions of what a run read, compared with the table `records` and the consumer group, or what it
added to an aggregate, compared with that aggregate's tables.
"""

import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from spark_jobs.base.wording import counted
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.finished import done_of_run
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from spark_jobs.progress.counts import Counts
    from spark_jobs.progress.drift import GroupOffset
    from spark_jobs.progress.verification import Added, PartitionRead

log = logging.getLogger("dayfold")


def verify_run(pipeline: Pipeline, run_id: str, partitions: Sequence[int], aggregate: str | None) -> dict[str, Any]:
    """What the run read of these partitions, or added to the aggregate if one is named."""
    if aggregate is not None:
        return verify_aggregate(pipeline, run_id, aggregate)
    return verify_partitions(pipeline, run_id, partitions)


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
    require_nothing_said(pipeline, [said for several in found.values() for said in several])
    return {str(number): partition_report(one, group.get(number)) for number, one in reads.items()}


def verify_aggregate(pipeline: Pipeline, run_id: str, aggregate: str) -> dict[str, Any]:
    """What the run added to a declared aggregate; fails with a sentence for each of its tables that disagrees."""
    from spark_jobs.progress.verification import added_of, differences_of, outcome_of

    with failures_of_tasks():
        told = added_of(done_of_run(pipeline, run_id), aggregate)
        contributed, missing = stored_groups(pipeline, told)
    found = list(differences_of(told, contributed, missing))
    log.log(logging.ERROR if found else logging.INFO, outcome_of(told, len(found)))
    require_nothing_said(pipeline, found)
    return asdict(told) | {"batches": list(told.batches)}


def require_nothing_said(pipeline: Pipeline, wrong: Sequence[str]) -> None:
    """Fail with these sentences and the way on, if there are any."""
    if wrong:
        way_on = f"The batch was published all the same; `dayfold audit` of {pipeline.name} proves which place is wrong."
        raise AirflowFailException("\n".join([*wrong, way_on]))


def stored_groups(pipeline: Pipeline, told: "Added") -> tuple["Added", int]:
    """What the tables of an aggregate hold of these batches, and how many of their groups the totals lack."""
    from spark_jobs.answers.fresh import fresh_totals, sums_of_contributions
    from spark_jobs.lake.stored import stored_lake
    from spark_jobs.progress.verification import Added

    lake = stored_lake(pipeline)
    aggregate = next((one for one in lake.layout.aggregates if one.name == told.aggregate), None)
    if aggregate is None:
        raise AirflowSkipException(f"{told.aggregate} has been taken out of the pipeline since; its tables are left alone")
    sums = sums_of_contributions(lake, aggregate, told.batches)
    totals = fresh_totals(lake, aggregate, told.batches).rows["batch"].to_pylist()
    current = sum(batch >= min(told.batches) for batch in totals)
    return Added(told.aggregate, told.batches, sums.rows, sums.readings), sums.groups - current


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

"""The task `finished_batches`: the batches that this very run finished, by its rows in the checkpoints.

The exit code of `submit` alone is no proof. The asset is announced here, and what `verify` is mapped over is decided.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from spark_jobs.base.wording import counted, printable
from spark_jobs.orchestration.failures import failures_of_tasks
from spark_jobs.orchestration.freshness import figures, fresh_table
from spark_jobs.orchestration.log_tables import log_table
from spark_jobs.orchestration.metrics import send_figures
from spark_jobs.pipeline.settings import Pipeline

if TYPE_CHECKING:
    from spark_jobs.lake.checkpoint_log import CheckpointLog
    from spark_jobs.progress.ledger import Done, LedgerRow

log = logging.getLogger("dayfold")

SHOWN = 50
"""Averages in the log and in the XCom: the first run may publish those of years, and XComs are kept in Airflow's database."""

_LISTED_COUNTS = ("start", "end", "read", "accepted", "rejected", "filtered", "gaps")


def find_finished(pipeline: Pipeline, assets: Sequence[Asset], context: Any) -> list[dict[str, Any]]:
    """The groups of partitions and the declared aggregates that `verify` is mapped over, each with its label.

    What the run read goes into the XCom `summary` and, with pipeline and run id, into the event of each asset; what it made of
    the totals goes into the log and the XCom `averages`.
    """
    from spark_jobs.progress.ledger import done_rows
    from spark_jobs.progress.run_told import rejected_warning
    from spark_jobs.progress.verification import groups_of, label_of, reads_of

    plan = context["ti"].xcom_pull(task_ids="new_records", key="plan")
    with failures_of_tasks():
        rows = rows_of_run(pipeline, context["run_id"], plan)
    done = done_rows(rows)
    if not done:
        raise AirflowSkipException(f"{rows[-1].state} was recorded, and there was nothing to average")
    if warning := rejected_warning(done):
        log.warning(warning)
    summary = summary_of(done)
    context["ti"].xcom_push("summary", summary)
    for one in assets:
        context["outlet_events"][one].extra = {"pipeline": pipeline.name, "run_id": context["run_id"], **summary}
    send_figures(pipeline, done)
    context["ti"].xcom_push("averages", show_averages(pipeline, [row.batch for row in done]))
    groups = groups_of(reads_of(done), pipeline.limits.max_verify_tasks)
    partitions = [{"label": label_of(pipeline.input.topic, one), "partitions": one} for one in groups]
    declared = dict.fromkeys(name for row in done for name in row.groups)
    return [*partitions, *({"label": f"aggregate {name}", "aggregate": name} for name in declared)]


def show_averages(pipeline: Pipeline, batches: list[int]) -> dict[str, Any]:
    """The newest averages that these batches changed, as the table has them now: as a table in the log, and as plain values."""
    from spark_jobs.answers.fresh import fresh_of_all
    from spark_jobs.lake.stored import stored_lake

    lake = stored_lake(pipeline)
    with failures_of_tasks():
        found = fresh_of_all(lake, batches)
    shown = {}
    for one in found:
        log_table(fresh_table(pipeline, one, SHOWN))
        name = one.aggregate.name
        shown[name] = figures(one, SHOWN)
        if more := shown[name]["left_out"]:
            what = counted(more, "total" if one.aggregate.is_declared else "average")
            log.info(f"and {what} more, none of a later day; all are in {lake.location(name)}")
    return shown if pipeline.aggregates else next(iter(shown.values()))


def done_of_run(pipeline: Pipeline, run_id: str) -> list["Done"]:
    """The DONE rows of a run, in the order of their batches."""
    from spark_jobs.progress.ledger import done_rows

    return done_rows(rows_of_run(pipeline, run_id))


def rows_of_run(pipeline: Pipeline, run_id: str, plan: Mapping[str, Any] | None = None) -> list["LedgerRow"]:
    """What this run wrote into the checkpoints that ended something, so neither its plans nor what it only counted.

    If it wrote nothing: a skip if another run has meanwhile read all of the `plan` that `new_records` had found, else an error.
    """
    from spark_jobs.lake.checkpoint_log import CheckpointLog
    from spark_jobs.lake.tables import Lake
    from spark_jobs.progress.ledger import Counted, Planned

    log = CheckpointLog(Lake.of(pipeline))
    ours = [row for row in log.rows if row.run_id == run_id and row.kind not in (Planned, Counted)]
    if ours:
        return ours
    other = read_by_another(log, plan)
    if other is not None:
        raise AirflowSkipException(
            f"all that was new when this run began was read by run {printable(other.run_id)} in batch {other.batch}"
        )
    last = log.last
    newest = f"the last row is of batch {last.batch}, {last.state}, by run {printable(last.run_id)}" if last else "there are none"
    raise AirflowFailException(
        f"the checkpoints of {pipeline.name} hold no DONE row of run {printable(run_id)}, although spark-submit reported "
        f"success: {newest}. Nothing is counted twice by running again: clear this run, or wait for the next one."
    )


def read_by_another(log: "CheckpointLog", plan: Mapping[str, Any] | None) -> "Done | None":
    """The last finished batch, if the checkpoints have come to the end of every partition of the plan."""
    progress = log.progress
    if plan is None or progress.unfinished is not None:
        return None
    is_read = all(progress.ends.get(one["partition"], 0) >= one["end"] for one in plan["partitions"])
    return progress.last_done if is_read else None


def summary_of(done: Iterable["Done"]) -> dict[str, Any]:
    """What the batches of one run read, per partition, as plain values, and why they rejected what they did;
    keys are texts as JSON wants them.
    """
    from spark_jobs.progress.run_told import reasons_of
    from spark_jobs.progress.verification import reads_of

    rows = list(done)
    partitions = {str(number): {name: getattr(one, name) for name in _LISTED_COUNTS} for number, one in reads_of(rows).items()}
    return {"batch": rows[-1].batch, "batches": len(rows), "rejected": reasons_of(rows), "partitions": partitions}

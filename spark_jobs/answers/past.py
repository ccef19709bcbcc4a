"""What was, by the tables of a pipeline alone: its batches, what operators decided, what was rejected. No Spark, no broker.

Opens the tables for one question each; how the answers are printed is known in `reports.py` and `batch_reports.py`.
"""

from collections.abc import Mapping, Sequence

from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rejected import RejectedMessage, Rejections, rejected_messages, rejections_of
from spark_jobs.lake.stored import stored_lake
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.rules import Rules
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.history import BatchHistory, history_in, rules_of
from spark_jobs.progress.losses import DecisionEntry, LossEntry, decisions_in, losses_in


def read_decided(pipeline: Pipeline) -> tuple[Sequence[LossEntry], Sequence[DecisionEntry]]:
    """What operators gave up, and what else they decided, oldest first."""
    rows = CheckpointLog(Lake.of(pipeline)).rows
    return losses_in(rows), decisions_in(rows)


def read_history(pipeline: Pipeline) -> Sequence[BatchHistory]:
    """All batches, oldest first."""
    return history_in(CheckpointLog(Lake.of(pipeline)).rows)


def read_rejected(
    pipeline: Pipeline, most: int, batch: int | None
) -> tuple[Rejections, Sequence[RejectedMessage], Mapping[int, Rules]]:
    """What was rejected, the newest messages of it, at most so many, and the rules of the batches that read them."""
    lake = stored_lake(pipeline)
    found, messages = rejections_of(lake), rejected_messages(lake, most, batch)
    return found, messages, rules_of(CheckpointLog(lake).rows, {one.batch for one in messages})

"""Checkpoint, consumer group and topic side by side: where they disagree, which of them is wrong, and what comes of it.

Plain comparisons of what was found elsewhere; knows no client, no table and no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.offsets import Loss, Partition, Topic, ends_of, find_losses

Wrong = Literal["", "group", "topic", "tables"]


@dataclass(frozen=True)
class GroupOffset:
    """What the consumer group has committed for a partition, and the batch whose proof stands beside it, if it is ours."""

    offset: int
    batch: int | None


IN_TRANSACTION = GroupOffset(-1, None)
"""Stands for offsets that are part of an open transaction, so that nobody knows them before it ends."""


@dataclass(frozen=True)
class GroupVerdict:
    """What became of a partition: `cause` in one word, which side is `wrong` (none: empty), and a sentence unless all is well."""

    cause: str
    wrong: Wrong = ""
    sentence: str = ""


OK = GroupVerdict("ok")


def judge_group(
    progress: Progress, topic: Topic, partition: Partition, group: GroupOffset | None, reading: Mapping[int, int]
) -> GroupVerdict:
    """The verdict on one partition; `reading` are the next offsets to read from Kafka,
    which an unfinished batch may have moved.
    """
    if group is not None and (group.batch or 0) > progress.last_batch:
        return _older_tables(progress, group)
    if progress.topic_id not in (None, topic.id):
        return _recreated(progress, topic, partition)
    losses = () if progress.is_first_run else find_losses(reading, [partition])
    if losses:
        return _lost(losses[0])
    if group is IN_TRANSACTION:
        return _publishing(progress)
    stored = progress.ends.get(partition.number, reading.get(partition.number))
    if stored is None:
        return _never_read(progress, partition, group)
    return _judge_group(progress, partition.number, stored, group)


def beside_loss(verdict: GroupVerdict, loss: Loss | None) -> GroupVerdict:
    """The same, unless the partition's log holds other records by now than were read, which offsets alone do not tell."""
    return _lost(loss) if loss and verdict.wrong not in ("topic", "tables") else verdict


def _older_tables(progress: Progress, group: GroupOffset) -> GroupVerdict:
    return GroupVerdict(
        "restored",
        "tables",
        f"the group proves batch {group.batch}, the checkpoints end at batch {progress.last_batch}: the tables are wrong, "
        "they were deleted or restored from an older copy; bring back the newest",
    )


def _recreated(progress: Progress, topic: Topic, partition: Partition) -> GroupVerdict:
    stored = progress.ends.get(partition.number)
    return GroupVerdict(
        "recreated",
        "topic",
        f"the topic is another one: its id was {progress.topic_id} and is {topic.id}, so the stored offset "
        f"{'-' if stored is None else stored} says nothing about it; go on with --adopt-topic",
    )


def _publishing(progress: Progress) -> GroupVerdict:
    batch = progress.unfinished.batch if progress.unfinished else progress.last_batch
    return GroupVerdict(
        "publishing",
        sentence=f"the transaction of batch {batch} is open: a run is publishing it, or died there; then the next run ends "
        "it and publishes again",
    )


def _lost(loss: Loss) -> GroupVerdict:
    if loss.cause == "retention":
        what = f"offsets {loss.stored} to {loss.resume - 1} were deleted unread"
    elif loss.cause == "replaced":
        what = str(loss).partition(": ")[2]
    else:
        what = f"the log ends at {loss.resume}, below the stored offset {loss.stored}: it was truncated"
    return GroupVerdict(loss.cause, "topic", f"{what}; the checkpoint is right, the topic lost records; go on with --accept-loss")


def _never_read(progress: Progress, partition: Partition, group: GroupOffset | None) -> GroupVerdict:
    if group is not None:
        return _moved(f"the group is at {group.offset}, although no batch of this partition was published")
    if progress.is_first_run:
        return GroupVerdict("unread", sentence="no batch has been planned yet")
    return GroupVerdict("new", sentence=f"added since the last batch; reading begins at its earliest offset {partition.low}")


def _judge_group(progress: Progress, number: int, stored: int, group: GroupOffset | None) -> GroupVerdict:
    if progress.unfinished and group and group.batch == progress.unfinished.batch:
        return GroupVerdict("published", sentence=f"batch {group.batch} is published already; the next run only notes its end")
    left = _left_by_last_batch(progress).get(number)
    if group is None:
        return OK if left is None else _gone(stored)
    if group.offset == left:
        moved = GroupVerdict(
            "decided", sentence=f"an operator's decision moved the checkpoint to {stored}; the next batch takes the group along"
        )
        return OK if group.offset == stored else moved
    side = "behind" if group.offset < stored else "ahead of" if group.offset > stored else "at"
    if side == "at":
        return OK
    return _moved(f"the group is at {group.offset}, {side} the checkpoint's {stored}, with no proof of a newer batch")


def _left_by_last_batch(progress: Progress) -> dict[int, int]:
    """The offsets that the last batch's transaction put into the group, unless they went with the topic."""
    done = progress.last_done
    return ends_of(done.ranges) if done is not None and done.topic_id == progress.topic_id else {}


def _gone(stored: int) -> GroupVerdict:
    return GroupVerdict(
        "expired",
        "group",
        f"the group has no offset: it expired or was deleted; the checkpoint's {stored} is right, the next batch writes the "
        "group again",
    )


def _moved(what: str) -> GroupVerdict:
    return GroupVerdict(
        "moved",
        "group",
        f"{what}: it was moved by hand, or somebody consumes with its name; the checkpoint is right, the next batch sets the "
        "group again",
    )

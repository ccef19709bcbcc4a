"""The two witnesses of a publication, the group and the output topic, asked before a batch is published and after.

Before: is anything of the batch there? After: Kafka has confirmed the commit, but is it so? What their answers mean is decided in
`proof.py`. Ask only after `Publisher.fence`, or an older run may still commit in between; knows no Spark and no table.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Message

from spark_jobs.base import machine
from spark_jobs.base.errors import NotPermitted, Superseded, TransactionOpen, TryAgain
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import is_republished
from spark_jobs.broker.scan import headers_of
from spark_jobs.outlook.proof import (
    Answer,
    GroupEvidence,
    Key,
    OutputEvidence,
    ProofVerdict,
    Question,
    contradiction,
    group_of,
    judge_proof,
    no_proof,
    tables_behind,
)
from spark_jobs.progress.checkpoints import Progress
from spark_jobs.progress.offsets import Plan, Topic

log = logging.getLogger(__name__)

SETTLE_SECONDS, PAUSE_SECONDS, OPEN_SECONDS = 10.0, 0.003, 1.0
"""How long markers of a committed transaction may take to be written, how often we look,
and how long we wait for the group after that.
"""


def examine(
    broker: Broker, plan: Plan, question: Question, *, seconds: float | None = None
) -> tuple[ProofVerdict, GroupEvidence, OutputEvidence]:
    """What group and output topic say of the batch, and what follows; waits at most so long for offsets in an open transaction.

    `Superseded` if the group proves a later batch, `DecisionNeeded` if the topic shows one, `TransactionOpen` if somebody's open
    transaction hides what may be the batch's.
    """
    partitions = [one.partition for one in plan.ranges]
    group = group_of(plan, broker.committed(question.pipeline, question.input_topic, partitions, seconds=seconds))
    if group.newest > plan.batch:
        raise Superseded(f"batch {group.newest} of {question.pipeline} is published already, this run holds batch {plan.batch}")
    output = find_output(broker, plan, question)
    if output.newest > plan.batch:
        raise tables_behind(question.pipeline, question.output_topic, output.newest, plan.batch)
    return judge_proof(question.expected, group, output), group, output


def newest_shown(broker: Broker, pipeline: str, progress: Progress, output: Topic) -> int:
    """The latest batch that the output topic shows, of what came since the last finished one; 0 if that shows none."""
    done = progress.last_done
    if done is None or done.output_topic_id != output.id:
        return 0
    starts = {one.number: max(one.low, done.output_ends.get(one.number, 0)) for one in output.partitions}
    try:
        messages = broker.scan(output.name, starts, {one.number: one.stable for one in output.partitions})
        return max((batch_of(message, pipeline) for message in messages), default=0)
    except NotPermitted:
        return 0


def highest_revision(broker: Broker, output: Topic) -> int:
    """What no revision is above that a reader of the output topic may have seen: a new life of a pipeline begins above it.

    Each revision of a day is a record of its own, so none is above the number of all offsets, also where retention took the
    records that readers keep. Only averages that were published again onto another topic can be; those that are there are looked
    at.
    """
    offsets = sum(one.high for one in output.partitions)
    starts, ends = ({one.number: getattr(one, side) for one in output.partitions} for side in ("low", "stable"))
    try:
        return max([offsets, *(_number(message, "revision") for message in broker.scan(output.name, starts, ends))])
    except NotPermitted:
        return offsets


@dataclass(frozen=True)
class Remaining:
    """What is left to do of a publication: averages, and the group's offsets unless all is `settled`. `decided` is the operator's
    word if it was needed; `output` is how far the topic was looked at.
    """

    averages: frozenset[Key]
    output: OutputEvidence
    settled: bool = False
    decided: Answer | None = None


def find_remaining(broker: Broker, plan: Plan, question: Question, *, seconds: float | None = None) -> Remaining:
    """What is left to publish; `DecisionNeeded` where nobody can tell and the operator has not said."""
    verdict, group, output = examine(broker, plan, question, seconds=seconds)
    if verdict == "unpublished":
        return Remaining(question.expected, output)
    if verdict == "published":
        # A group that was put back, deleted or overwritten is set again.
        return Remaining(frozenset(), output, settled=not group.older and not group.silent)
    if question.answer is None:
        raise (contradiction if verdict == "contradictory" else no_proof)(plan, question, group, output)
    left = {"yes": frozenset[Key](), "no": question.expected, "rest": output.missing(question.expected)}
    return Remaining(left[question.answer], output, decided=question.answer)


def find_output(broker: Broker, plan: Plan, question: Question) -> OutputEvidence:
    """What readers see of the batch on the output topic; nothing is read where it has not moved since the plan."""
    if not question.output_topic:
        return OutputEvidence()
    topic = broker.topic(question.output_topic)
    anew = topic.id != plan.output_topic_id
    # Of a topic created again since then, everything was written since then.
    known: Mapping[int, int] = {} if anew else plan.output_starts
    starts = {one.number: max(one.low, known.get(one.number, 0)) for one in topic.partitions}
    aged = frozenset(one.number for one in topic.partitions if one.low > known.get(one.number, 0))
    ends = {one.number: one.stable for one in topic.partitions}
    try:
        _require_nothing_hidden(broker, plan, question, topic, starts)
        seen, others, newest = _counted(broker, plan, question, topic, starts)
    except NotPermitted as error:
        log.warning("whether %s shows batch %d is not looked at: %s", topic.name, plan.batch, error)
        return OutputEvidence(aged=aged, anew=anew, readable=False, topic_id=topic.id, ends=ends)
    covered = others & question.expected if others and _may_be_compacted(broker, topic.name) else frozenset()
    return OutputEvidence(seen, newest, aged, frozenset(covered), anew, topic_id=topic.id, ends=ends)


def _counted(
    broker: Broker, plan: Plan, question: Question, topic: Topic, starts: Mapping[int, int]
) -> tuple[Counter[Key], set[Key], int]:
    """Visible records of the batch, keys of all others, and the latest batch of the pipeline among them."""
    seen, others, newest = Counter[Key](), set[Key](), 0
    for message in broker.scan(topic.name, starts, {one.number: one.stable for one in topic.partitions}):
        batch = batch_of(message, question.pipeline)
        newest = max(newest, batch)
        if batch == plan.batch:
            seen[_key(message)] += 1
        else:
            others.add(_key(message))
    return seen, others, newest


def _require_nothing_hidden(broker: Broker, plan: Plan, question: Question, topic: Topic, starts: Mapping[int, int]) -> None:
    """Raise if a record of the batch stands behind an open transaction, committed or aborted: nobody can tell before that one
    ends.

    Our own transactions have ended with the fence, so it is somebody else's.
    """
    spans = {one.number: (max(one.stable, starts[one.number]), one.high) for one in topic.partitions if one.held_back}
    first, last = ({number: span[side] for number, span in spans.items()} for side in (0, 1))
    for message in broker.scan(topic.name, first, last, level="read_uncommitted"):
        if batch_of(message, question.pipeline) >= plan.batch:
            raise TransactionOpen(
                f"whether batch {plan.batch} was published cannot be known yet: an open transaction of somebody else holds back "
                f"partition {message.partition()} of {topic.name}; run again when it has ended (kafka-transactions.sh "
                "find-hanging names it)"
            )


def batch_of(message: Message, pipeline: str) -> int:
    """The batch that a record of the output topic is the publication of, 0 if it is none of the pipeline's."""
    headers = dict(headers_of(message))
    is_ours = headers.get("pipeline") == pipeline.encode() and not is_republished(headers.items())
    return _number(message, "batch") if is_ours else 0


def _number(message: Message, header: str) -> int:
    """A header's number, 0 if it is none."""
    text = dict(headers_of(message)).get(header) or b""
    return int(text) if text.isdigit() and len(text) <= 18 else 0


def _key(message: Message) -> Key:
    return message.partition() or 0, bytes(message.key() or b"")


def _may_be_compacted(broker: Broker, topic: str) -> bool:
    policy = broker.topic_config(topic, ["cleanup.policy"])["cleanup.policy"]
    return policy is None or "compact" in policy


def confirm(
    broker: Broker, plan: Plan, question: Question, last: Mapping[int, int], *, seconds: float = SETTLE_SECONDS
) -> Mapping[int, int]:
    """Read back what a commit has confirmed, where the output topic ends now; `last` is the last offset delivered to each
    partition.

    All records of a transaction in a partition share one marker: where the last one is visible, all that were delivered are.
    Markers are written after the answer, so this waits; what has not settled after so long is judged as the next run would.
    """
    patience = _Patience(broker, seconds)
    for _ in patience:
        with patience.unless_silent():
            ends = _ends(broker, plan, question)
            if _is_settled(broker, plan, question, last, ends):
                return ends
    verdict, group, output = examine(broker, plan, question, seconds=OPEN_SECONDS)
    if verdict == "published" and not group.older:
        return output.ends
    if verdict in ("contradictory", "unknown"):
        raise contradiction(plan, question, group, output)
    what = "nothing of it is there" if verdict == "unpublished" else f"the group {question.pipeline} stands before it"
    raise TryAgain(f"Kafka confirmed the publication of batch {plan.batch}, but {what}; run again, it looks first")


def _ends(broker: Broker, plan: Plan, question: Question) -> dict[int, int]:
    """Where the output topic ends for its readers; nothing is there where nothing is published."""
    partitions = sorted({*plan.output_starts, *(one.partition for one in plan.ranges)})
    return broker.stable_ends(question.output_topic, partitions) if question.output_topic else dict.fromkeys(partitions, 0)


class _Patience:
    """Looks again and again until so many seconds are over."""

    def __init__(self, broker: Broker, seconds: float) -> None:
        self._broker = broker
        self._seconds = seconds
        self._deadline = machine.monotonic() + seconds
        self._was_silent = False

    def __iter__(self) -> Iterator[None]:
        yield
        while machine.monotonic() < self._deadline:
            machine.sleep(PAUSE_SECONDS)
            yield

    @contextmanager
    def unless_silent(self) -> Iterator[None]:
        """A network that fails for a moment is no answer: what was committed stands, and is asked for again on new connections,
        the first time with all the seconds.
        """
        try:
            yield
        except TryAgain:
            self._broker.reconnect()
            if not self._was_silent:
                self._was_silent, self._deadline = True, machine.monotonic() + self._seconds


def _is_settled(broker: Broker, plan: Plan, question: Question, last: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    if any(ends[number] <= offset for number, offset in last.items()):
        return False
    committed = broker.committed(question.pipeline, question.input_topic, [one.partition for one in plan.ranges])
    # Offsets that somebody else has committed over ours are no sign against it.
    return not group_of(plan, committed).older and _are_visible(broker, question.pipeline, question.output_topic, last)


def await_visible(broker: Broker, pipeline: str, topic: str, last: Mapping[int, int], *, seconds: float = SETTLE_SECONDS) -> bool:
    """Whether a read_committed reader sees the last delivered record of each partition, looked at until it does or time is up.

    For averages that are no batch's, so that no group proves them.
    """
    patience = _Patience(broker, seconds)
    for _ in patience:
        with patience.unless_silent():
            ends = broker.stable_ends(topic, last)
            if all(ends[number] > offset for number, offset in last.items()) and _are_visible(broker, pipeline, topic, last):
                return True
    return False


def _are_visible(broker: Broker, pipeline: str, topic: str, last: Mapping[int, int]) -> bool:
    try:
        return not last or broker.visible(pipeline, topic, last) == last.keys()
    except NotPermitted as error:
        log.warning("whether all averages are visible is not looked at: %s", error)
        return True

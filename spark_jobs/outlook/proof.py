"""Whether a batch was published: what its group and the output topic say of it, and what follows. Plain comparisons, no client.

Readers see the output topic, so its rows come first: all of them there means published, whatever became of the group. The group's
offsets were part of the same transaction; they decide where rows have aged out. Where the two contradict each other nothing is
believed: an operator decides.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from spark_jobs.base.errors import DecisionNeeded
from spark_jobs.base.wording import counted
from spark_jobs.broker.publisher import proof_text, proven_batch
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.offsets import Plan

Key = tuple[int, bytes]
"""An average on the output topic: its partition and its record's key."""

Answer = Literal["yes", "no", "rest"]
"""The operator's word: it was published, it was not, or what is missing of it is to be published."""

ProofVerdict = Literal["published", "unpublished", "contradictory", "unknown"]


@dataclass(frozen=True)
class Question:
    """What is asked about: `expected` are the averages that the batch publishes,
    `answer` is the operator's word, if it was given.
    """

    pipeline: str
    input_topic: str
    output_topic: str
    expected: frozenset[Key]
    answer: Answer | None = None


def question_of(pipeline: Pipeline, plan: Plan, expected: frozenset[Key], answer: Answer | None = None) -> Question:
    """The question about a batch: by the plan's own words, whatever the settings have become since;
    old plans do not name their topics.
    """
    output = next(iter(pipeline.output_topics), "") if plan.output_topic is None else plan.output_topic
    return Question(pipeline.name, plan.input_topic or pipeline.input.topic, output, expected, answer)


@dataclass(frozen=True)
class GroupEvidence:
    """Planned partitions by what the group's offsets say: the batch is proven, an earlier one is, or nothing of ours stands
    there.

    `newest` is the latest batch that they prove, 0 if none.
    """

    proving: frozenset[int]
    older: frozenset[int]
    silent: frozenset[int]
    newest: int


@dataclass(frozen=True)
class OutputEvidence:
    """What readers see of a batch on the output topic, since it was planned, and what may be gone from there.

    `newest` is the latest batch of the pipeline that has a record there, 0 if none; `aged` are partitions that retention has cut
    since, `covered` averages that compaction may have taken, `anew` says that the topic was created after the plan. None of it
    was seen unless `readable`. `topic_id` and `ends` say how far was looked.
    """

    seen: Counter[Key] = field(default_factory=Counter)
    newest: int = 0
    aged: frozenset[int] = frozenset()
    covered: frozenset[Key] = frozenset()
    anew: bool = False
    readable: bool = True
    topic_id: str = ""
    ends: Mapping[int, int] = field(default_factory=dict)

    def missing(self, expected: frozenset[Key]) -> frozenset[Key]:
        return expected - self.seen.keys()

    def may_be_gone(self, key: Key) -> bool:
        """Whether an average that is not seen may have been there."""
        return not self.readable or key[0] in self.aged or key in self.covered

    def holds_more_than(self, expected: frozenset[Key]) -> bool:
        """Whether a record of the batch is there that was never planned, or twice."""
        return not self.seen.keys() <= expected or any(count > 1 for count in self.seen.values())


def group_of(plan: Plan, committed: Mapping[int, tuple[int, str]]) -> GroupEvidence:
    """The group's offsets and metadata by planned partition, judged."""
    batches = {one.partition: proven_batch(committed.get(one.partition, (0, None))[1]) for one in plan.ranges}
    proving = {one.partition for one in plan.ranges if committed.get(one.partition) == (one.end, proof_text(plan.batch))}
    older = {number for number, batch in batches.items() if batch is not None and batch < plan.batch}
    silent = batches.keys() - proving - older
    return GroupEvidence(
        frozenset(proving), frozenset(older), frozenset(silent), max((one or 0 for one in batches.values()), default=0)
    )


def judge_proof(expected: frozenset[Key], group: GroupEvidence, output: OutputEvidence) -> ProofVerdict:
    """What follows from group and output topic; the rules are in `docs/design.md`, their table in the test of this function."""
    missing = output.missing(expected)
    if output.holds_more_than(expected):
        return "contradictory"
    if not expected:
        # Only the group's offsets: nothing that anybody sees could be there twice.
        return "unpublished" if group.older or group.silent else "published"
    if output.seen:
        return "published" if all(map(output.may_be_gone, missing)) else "contradictory"
    return _of_the_group(group, output, hidden=all(map(output.may_be_gone, missing)))


def _of_the_group(group: GroupEvidence, output: OutputEvidence, *, hidden: bool) -> ProofVerdict:
    """Nothing of the batch is seen: either it is nowhere, or, if `hidden`, it may have been there."""
    if not group.older and not group.silent:
        # Of a topic that was there before, nothing is left that could be seen.
        return "published" if hidden or output.anew else "contradictory"
    if group.proving:
        return "unknown" if hidden else "contradictory"
    return "unknown" if hidden and group.silent else "unpublished"


def contradiction(plan: Plan, question: Question, group: GroupEvidence, output: OutputEvidence) -> DecisionNeeded:
    """Group and output topic say different things: both sides, partition by partition, and the ways on."""
    seen, expected = len(output.seen.keys() & question.expected), len(question.expected)
    count = f"{seen:,} of its {counted(expected, 'average')}"
    if output.holds_more_than(question.expected):
        count = f"{counted(output.seen.total(), 'average')}, planned: {expected:,}"
    return DecisionNeeded(
        f"batch {plan.batch} was published in part, by somebody else or twice: {question.output_topic} shows {count}"
        f"{_by_partition(question.expected, output)}, and the group {question.pipeline} {_told(group)}. Nothing was published "
        f"now. Run again with --published rest (publishes the {len(output.missing(question.expected))} that are missing), "
        "--published no (publishes all again, with the same revisions) or --published yes (leaves the topic as it is)."
    )


def _by_partition(expected: frozenset[Key], output: OutputEvidence) -> str:
    numbers = sorted({number for number, _ in {*expected, *output.seen}})
    planned, seen = Counter(number for number, _ in expected), Counter[int]()
    for (number, _), count in output.seen.items():
        seen[number] += count
    parts = [f"partition {number}: {seen[number]} of {planned[number]}" for number in numbers]
    return f" ({', '.join(parts)})" if parts else ""


def _told(group: GroupEvidence) -> str:
    sides = (("proves it", group.proving), ("stands before it", group.older), ("says nothing of it", group.silent))
    told = [f"{what} on partition {', '.join(map(str, sorted(numbers)))}" for what, numbers in sides if numbers]
    return " but ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told) or "has no offsets"


def no_proof(plan: Plan, question: Question, group: GroupEvidence, output: OutputEvidence) -> DecisionNeeded:
    """Neither side tells: the group has no proof and rows may have been on the topic and gone again."""
    aged = ", ".join(map(str, sorted({number for number, _ in output.missing(question.expected)})))
    return DecisionNeeded(
        f"whether batch {plan.batch} was published cannot be known any more: the group {question.pipeline} {_told(group)}, and "
        f"{question.output_topic} has lost records written since the batch was planned (partitions {aged}). "
        f"Look for the header batch={plan.batch} in a copy of it; then run again with --published yes or --published no."
    )


def tables_behind(pipeline: str, output_topic: str, shown: int, last: int) -> DecisionNeeded:
    """The output topic shows a batch that the checkpoints do not know."""
    return DecisionNeeded(
        f"{output_topic} shows averages of batch {shown} of {pipeline}, but the checkpoints end at batch {last}: the "
        "tables were deleted or an older copy was restored. Bring back the newest copy; or, to begin again, remove what is "
        "left of the pipeline with `dayfold forget`, or give it another name and another output topic."
    )

"""Group and output topic as the real broker shows them: before a batch is published, and after a commit was confirmed."""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from confluent_kafka import Producer, TopicPartition

from spark_jobs.base.errors import DecisionNeeded, Superseded, TransactionOpen, TryAgain
from spark_jobs.broker.cluster import Broker
from spark_jobs.broker.publisher import OutputRecord, Publisher, group_offsets
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.proof import Answer, Question
from spark_jobs.outlook.witnesses import confirm, find_remaining, highest_revision
from spark_jobs.progress.offsets import Plan
from tests.group import commit_as
from tests.kafka.conftest import NewSettings
from tests.plans import plan_of

NewTopic = Callable[..., str]


def average(partition: int, day: int, name: str, batch: int = 2, revision: int = 1) -> OutputRecord:
    headers = {"pipeline": name, "batch": str(batch), "revision": str(revision)}
    return OutputRecord(partition, f"2006-12-{day}".encode(), b"{}", tuple((key, text.encode()) for key, text in headers.items()))


@dataclass
class Stage:
    """Batch 2 of a pipeline that is about to publish three averages on two partitions; batch 1 left the group where it begins."""

    broker: Broker
    bootstrap: str
    publisher: Publisher
    plan: Plan
    question: Question

    @property
    def averages(self) -> list[OutputRecord]:
        return [average(number, day, self.question.pipeline) for number, day in ((0, 16), (0, 17), (1, 16))]

    def put_group(self, batch: int, partitions: Sequence[int] = (0, 1), offset: int | None = None) -> None:
        places = [one for one in self.plan.ranges if one.partition in partitions]
        moved = [
            TopicPartition(
                self.question.input_topic,
                one.partition,
                offset if offset is not None else one.end if batch == 2 else one.start,
                metadata=f"b={batch}",
            )
            for one in places
        ]
        commit_as(self.bootstrap, self.question.pipeline, moved)

    def write(self, *records: OutputRecord) -> None:
        """Visible records of somebody else."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for one in records:
            producer.produce(self.question.output_topic, one.value, one.key, one.partition, headers=list(one.headers))
        assert producer.flush(20) == 0

    def publish(self) -> None:
        offsets = group_offsets(self.question.input_topic, self.plan.batch, self.plan.ranges)
        self.publisher.publish(self.question.output_topic, self.averages, offsets)

    def remaining(self, answer: Answer | None = None) -> tuple[set[tuple[int, bytes]], bool]:
        found = find_remaining(self.broker, self.plan, replace(self.question, answer=answer))
        return set(found.averages), found.settled


@pytest.fixture
def stage(broker: Broker, kafka: RunningKafka, new_settings: NewSettings, new_topic: NewTopic) -> Stage:
    name, source, target = f"p{secrets.token_hex(4)}", new_topic(2), new_topic(2)
    publisher = Publisher.open(new_settings(kafka.bootstrap), name)
    publisher.fence()
    output = broker.topic(target)
    starts = {one.number: one.stable for one in output.partitions}
    plan = plan_of(2, (0, 5, 9), (1, 3, 3), output_topic_id=output.id, output_starts=starts)
    expected = frozenset({(0, b"2006-12-16"), (0, b"2006-12-17"), (1, b"2006-12-16")})
    staged = Stage(broker, kafka.bootstrap, publisher, plan, Question(name, source, target, expected))
    staged.put_group(1)
    return staged


ALL = {(0, b"2006-12-16"), (0, b"2006-12-17"), (1, b"2006-12-16")}


def test_a_batch_is_left_to_publish_until_all_of_it_is_there(stage: Stage) -> None:
    assert stage.remaining() == (ALL, False)
    stage.publish()
    confirm(stage.broker, stage.plan, stage.question, stage.publisher.last)
    assert stage.remaining() == (set(), True)


@pytest.mark.group("KO")
@pytest.mark.proves("F143")
@pytest.mark.parametrize("moved", [(0, 1), (1,)])
def test_a_group_that_went_back_is_set_again_and_no_average_published_twice(stage: Stage, moved: tuple[int, ...]) -> None:
    stage.publish()
    confirm(stage.broker, stage.plan, stage.question, stage.publisher.last)
    stage.put_group(1, moved)
    assert stage.remaining() == (set(), False)


@pytest.mark.group("KO")
@pytest.mark.proves("F142")
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("group", [(), (0,), (0, 1)])
def test_sides_that_contradict_each_other_are_named_and_each_word_of_the_operator_leads_on(
    stage: Stage, published: int, group: tuple[int, ...]
) -> None:
    stage.write(*stage.averages[:published])
    if group:
        stage.put_group(2, group)
    if not published and not group:
        assert stage.remaining() == (ALL, False)
        return
    with pytest.raises(DecisionNeeded, match=f"shows {published} of its 3 averages .*, and the group {stage.question.pipeline} "):
        stage.remaining()
    assert stage.remaining("yes") == (set(), False)
    assert stage.remaining("no") == (ALL, False)
    there = {(one.partition, one.key) for one in stage.averages[:published]}
    assert stage.remaining("rest") == (ALL - there, False)


@pytest.mark.group("KO")
@pytest.mark.proves("F143")
def test_later_batches_are_not_published_over(stage: Stage) -> None:
    stage.write(average(0, 18, stage.question.pipeline, batch=3))
    with pytest.raises(DecisionNeeded, match="shows averages of batch 3"):
        stage.remaining()
    stage.put_group(3, offset=11)
    with pytest.raises(Superseded, match=r"batch 3 .* is published already"):
        stage.remaining()


@pytest.mark.group("KO")
@pytest.mark.proves("F142")
def test_what_an_open_transaction_of_somebody_else_may_hide_is_waited_for(stage: Stage) -> None:
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": secrets.token_hex(4)})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(stage.question.output_topic, b"{}", b"foreign", 0)
    assert producer.flush(20) == 0
    assert stage.remaining() == (ALL, False)
    stage.publish()
    with pytest.raises(TransactionOpen, match="somebody else holds back partition 0"):
        stage.remaining()
    with pytest.raises(TransactionOpen, match="somebody else holds back partition 0"):
        confirm(stage.broker, stage.plan, stage.question, stage.publisher.last, seconds=0.2)
    producer.abort_transaction(20)
    confirm(stage.broker, stage.plan, stage.question, stage.publisher.last)
    assert stage.remaining() == (set(), True)


@pytest.mark.group("BF")
@pytest.mark.proves("F144")
def test_a_commit_that_nothing_shows_is_not_believed(stage: Stage) -> None:
    with pytest.raises(TryAgain, match="confirmed the publication of batch 2, but nothing of it is there"):
        confirm(stage.broker, stage.plan, stage.question, {0: 1, 1: 0}, seconds=0.2)


@pytest.mark.group("BF")
@pytest.mark.proves("F144")
def test_a_commit_that_only_one_side_shows_is_the_operators_decision(stage: Stage) -> None:
    stage.put_group(2)
    with pytest.raises(DecisionNeeded, match="shows 0 of its 3 averages"):
        confirm(stage.broker, stage.plan, stage.question, {0: 1, 1: 0}, seconds=0.2)


@pytest.mark.group("BF")
@pytest.mark.proves("F144")
def test_aborted_averages_are_not_taken_for_delivered_ones(stage: Stage) -> None:
    """Their offsets are stable all the same: only a reader sees the difference."""
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": secrets.token_hex(4)})
    producer.init_transactions(20)
    producer.begin_transaction()
    for one in stage.averages:
        producer.produce(stage.question.output_topic, one.value, one.key, one.partition, headers=list(one.headers))
    assert producer.flush(20) == 0
    producer.abort_transaction(20)
    stage.put_group(2)
    with pytest.raises(DecisionNeeded, match="shows 0 of its 3 averages"):
        confirm(stage.broker, stage.plan, stage.question, {0: 1, 1: 0}, seconds=0.2)


@pytest.mark.group("BF")
@pytest.mark.proves("F149")
def test_old_offsets_of_the_group_are_asked_for_again_until_the_new_ones_are_there(stage: Stage) -> None:
    stage.publish()
    stage.put_group(1)
    with pytest.raises(TryAgain, match=r"the group .* stands before it"):
        confirm(stage.broker, stage.plan, stage.question, stage.publisher.last, seconds=0.2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(confirm, stage.broker, stage.plan, stage.question, stage.publisher.last)
        stage.put_group(2)
        assert waiting.result(20) == stage.broker.stable_ends(stage.question.output_topic, [0, 1])


@pytest.mark.group("KO")
@pytest.mark.proves("F145")
def test_a_new_life_begins_above_every_revision_that_was_or_may_have_been_seen(stage: Stage) -> None:
    name, target = stage.question.pipeline, stage.question.output_topic
    assert highest_revision(stage.broker, stage.broker.topic(target)) == 0
    stage.write(*stage.averages)
    assert highest_revision(stage.broker, stage.broker.topic(target)) == 3
    stage.write(average(1, 20, name, revision=40))
    assert highest_revision(stage.broker, stage.broker.topic(target)) == 40

"""Plan and run agree: whatever a run refuses before it plans anything, plan has said before,
in the same words and with the same code.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from confluent_kafka import Producer, TopicPartition

from spark_jobs.base.errors import DayfoldError
from spark_jobs.broker.publisher import proof_text
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.delta_log import LOG_FOLDER
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.run.job import RunRequest
from spark_jobs.run.spark_engine import SparkEngine
from spark_jobs.run.story import run_pipeline
from tests.conftest import NewTopic
from tests.daily_tables import CONTRIBUTIONS
from tests.group import commit_as
from tests.stored import lake_of, plan_batch, stored_pipeline

pytestmark = pytest.mark.group("KO")

PARTITIONS = 2


@dataclass(frozen=True)
class Setting:
    """A pipeline with one finished batch whose input topic is another one by now,
    which is what stops it unless something else does.
    """

    folder: Path
    kafka: RunningKafka
    overrides: tuple[str, ...]
    new_topic: NewTopic

    def pipeline(self, *others: str) -> Pipeline:
        return load_pipeline(self.folder / "p.yaml", overrides=[*self.overrides, *others])

    @property
    def tables(self) -> Path:
        found = self.pipeline()
        return Path(found.lake, found.name)


@pytest.fixture
def setting(tmp_path: Path, kafka: RunningKafka, new_topic: NewTopic) -> Setting:
    (tmp_path / "kafka.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    source, target = new_topic(PARTITIONS), new_topic(PARTITIONS)
    overrides = (f"name=p_{source[-8:]}", f"input.topic={source}", f"output.topic={target}")
    stored_pipeline(tmp_path, 1, *overrides)
    return Setting(tmp_path, kafka, overrides, new_topic)


def nothing(setting: Setting) -> Pipeline:
    return setting.pipeline()


def no_input(setting: Setting) -> Pipeline:
    return setting.pipeline("input.topic=never-created")


def no_output(setting: Setting) -> Pipeline:
    return setting.pipeline("output.topic=never-created")


def other_partitions(setting: Setting) -> Pipeline:
    return setting.pipeline(f"output.topic={setting.new_topic(PARTITIONS + 1)}")


def anothers_output(setting: Setting) -> Pipeline:
    pipeline = setting.pipeline()
    producer = Producer({"bootstrap.servers": setting.kafka.bootstrap})
    producer.produce(pipeline.output_name, b"{}", b"2026-01-01", 0, headers=[("pipeline", b"another")])
    assert producer.flush(20) == 0
    return pipeline


def a_table_gone(setting: Setting) -> Pipeline:
    shutil.rmtree(setting.tables / CONTRIBUTIONS)
    return setting.pipeline()


def an_empty_commit(setting: Setting) -> Pipeline:
    max((setting.tables / RECORDS / LOG_FOLDER).glob("*.json")).write_bytes(b"")
    return setting.pipeline()


def a_later_batch_proven(setting: Setting) -> Pipeline:
    pipeline = setting.pipeline()
    proof = TopicPartition(pipeline.input.topic, 0, 99, metadata=proof_text(7))
    commit_as(setting.kafka.bootstrap, pipeline.name, [proof])
    return pipeline


def an_unfinished_batch_of_the_other_topic(setting: Setting) -> Pipeline:
    plan_batch(setting.pipeline(), 2)
    return setting.pipeline()


REFUSALS: dict[str, tuple[Callable[[Setting], Pipeline], int, str]] = {
    "the input topic is another one": (nothing, 65, "--adopt-topic"),
    "no input topic": (no_input, 78, "never-created is no topic"),
    "no output topic": (no_output, 78, "never-created is no topic"),
    "another number of partitions": (other_partitions, 78, "give both the same number"),
    "another pipeline's output topic": (anothers_output, 78, "holds averages of the pipeline another"),
    "a table is gone": (a_table_gone, 65, "table contributions: missing"),
    "an empty commit": (an_empty_commit, 65, "is empty"),
    "the group proves a later batch": (a_later_batch_proven, 65, "proves that batch 7 was published"),
    "an unfinished batch of another topic": (an_unfinished_batch_of_the_other_topic, 65, "batch 2 was planned on topic id"),
}


def no_spark() -> NoReturn:
    raise AssertionError("Spark was asked for")


def planned(pipeline: Pipeline) -> tuple[int, str]:
    """What plan ends with, and its first sentence."""
    try:
        first: DayfoldError = look_ahead(pipeline, {}).problems[0]
    except DayfoldError as error:
        first = error
    return first.exit_code, str(first)


@pytest.mark.proves("F212")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_plan_says_what_the_run_ends_with(setting: Setting, refusal: str) -> None:
    arrange, code, words = REFUSALS[refusal]
    pipeline = arrange(setting)
    rows = CheckpointLog(lake_of(pipeline)).rows
    with pytest.raises(DayfoldError) as ran:
        run_pipeline(pipeline, RunRequest(run_id="refused"), SparkEngine(no_spark))
    assert (ran.value.exit_code, str(ran.value)) == planned(pipeline)
    assert ran.value.exit_code == code
    assert words in str(ran.value)
    assert CheckpointLog(lake_of(pipeline)).rows == rows

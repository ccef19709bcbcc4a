"""All that belongs to a pipeline is listed, and goes on one word;
a pipeline that is half gone is noticed, and the next try finishes it.
"""

import json
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import pytest
from confluent_kafka import Consumer, TopicPartition

from spark_jobs.access.java_secrets import secrets_files
from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base import faults
from spark_jobs.base.errors import ConfigurationError, DayfoldError, DecisionNeeded, PipelineBusy
from spark_jobs.base.lock import hold_lock
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.publisher import proof_text
from spark_jobs.commands import deciding
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.local.kafka.server import RunningKafka
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.removal.belongings import Belongings
from spark_jobs.removal.forget import forget, look
from spark_jobs.run.job import RunRequest
from spark_jobs.run.spark_engine import SparkEngine
from spark_jobs.run.story import run_pipeline
from tests.conftest import NewTopic
from tests.daily_tables import TABLES
from tests.faults import points
from tests.group import commit_as
from tests.stored import SIZE, stored_pipeline
from tests.submitted import wait_until

pytestmark = pytest.mark.group("KO")


@dataclass(frozen=True)
class Forgettable:
    """A pipeline with two finished batches and the group that proves the second."""

    folder: Path
    kafka: RunningKafka
    overrides: list[str]

    @cached_property
    def pipeline(self) -> Pipeline:
        return load_pipeline(self.config, overrides=self.overrides)

    @property
    def config(self) -> Path:
        return self.folder / "p.yaml"

    @property
    def tables(self) -> Path:
        return Path(self.pipeline.lake, self.pipeline.name)

    def look(self) -> Belongings:
        return look(self.pipeline, self.config, {})

    def forget(self) -> Belongings:
        return forget(self.pipeline, self.config, {})

    def dies(self, point: str) -> bool:
        faults.reset()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAYFOLD_ALLOW_FAULTS", "1")
            patch.setenv("DAYFOLD_FAULT", f"{point}:raise")
            try:
                self.forget()
            except faults.InjectedFault:
                return True
        return False

    def left(self) -> list[tuple[str, str]]:
        return [(one.kind, Path(one.name).name) for one in self.look().removable]


@pytest.fixture
def pipe(tmp_path: Path, kafka: RunningKafka, new_topic: NewTopic) -> Forgettable:
    (tmp_path / "kafka.properties").write_text(f"bootstrap.servers={kafka.bootstrap}\n")
    source, target = new_topic(2), new_topic(2)
    overrides = [f"name=p_{source[-8:]}", f"input.topic={source}", f"output.topic={target}"]
    stored_pipeline(tmp_path, 2, *overrides)
    found = Forgettable(tmp_path, kafka, overrides)
    ends = [TopicPartition(source, number, 2 * SIZE, metadata=proof_text(2)) for number in range(2)]
    commit_as(kafka.bootstrap, found.pipeline.name, ends)
    with hold_lock(found.pipeline.lock, pipeline=found.pipeline.name, run_id="a run of before"):
        pass
    return found


def problems(pipeline: Pipeline) -> str:
    """What plan says is in the way."""
    try:
        return "\n".join(map(str, look_ahead(pipeline, {}).problems))
    except DayfoldError as error:
        return str(error)


@pytest.mark.proves("F210")
def test_all_that_belongs_to_a_pipeline_is_listed_and_nothing_is_changed_without_the_word(
    pipe: Forgettable, capfd: pytest.CaptureFixture[str]
) -> None:
    name, topic = pipe.pipeline.name, pipe.pipeline.output_name
    credentials = secrets_files(pipe.pipeline, {})[0]
    credentials.parent.mkdir(parents=True)
    credentials.write_text("left by a killed run")
    deciding.forget_command(pipe.config, pipe.overrides, as_json=True)
    told = json.loads(capfd.readouterr().out)
    things = {(one["kind"], Path(one["name"]).name): one for one in told["things"]}
    assert list(things) == [
        *(("table", table) for table in TABLES),
        ("file", credentials.name),
        ("file", f"{name}.lock"),
        ("group", name),
        ("transactional id", name),
        ("output topic", topic),
        *(("dag", f"{name}{end}") for end in ("", "_maintenance", "_fresh_averages")),
    ]
    assert [things["table", table]["rows"] for table in TABLES] == [20, 4, 2, 4]
    sizes = {one.name: sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in pipe.tables.iterdir()}
    assert {table: things["table", table]["bytes"] for table in TABLES} == sizes
    assert things["group", name]["holds"] == "Empty"
    assert things["output topic", topic]["by_hand"].endswith(f"kafka-topics.sh --delete --topic {topic}")
    assert things["dag", name]["by_hand"].endswith(f"airflow dags delete {name}")
    assert {one["removed"] for one in told["things"]} == {False}
    deciding.forget_command(pipe.config, pipe.overrides)
    shown = capfd.readouterr().out
    assert [one.name for one in pipe.look().things if one.name not in shown] == []
    assert len(pipe.left()) == 7


@pytest.mark.proves("F210")
def test_only_what_is_the_pipelines_own_goes(pipe: Forgettable) -> None:
    (pipe.tables / "notes.txt").write_text("somebody else's")
    neighbour = pipe.tables.parent / f"{pipe.pipeline.name}-2"
    shutil.copytree(pipe.tables, neighbour)
    before = pipe.look()
    assert [one.name for one in pipe.forget().removable] == [one.name for one in before.removable]
    assert pipe.left() == []
    assert [one.name for one in pipe.tables.iterdir()] == ["notes.txt"]
    assert len(list(neighbour.iterdir())) == 5
    assert not pipe.pipeline.lock.exists()
    with connect(load_kafka_settings(pipe.pipeline.kafka, {})) as broker:
        assert broker.find_group(pipe.pipeline.name) is None
        assert broker.topic(pipe.pipeline.output_name).name == pipe.pipeline.output_name
    assert [one.kind for one in pipe.forget().removable] == ["file"], "the lock that it takes"
    assert problems(pipe.pipeline) == ""


def run(pipeline: Pipeline) -> None:
    run_pipeline(pipeline, RunRequest(run_id="too early"), SparkEngine(no_spark))


def no_spark() -> NoReturn:
    raise AssertionError("Spark was asked for")


MISSING, PROVEN = (
    "table {0}: missing at ",
    "the consumer group .* proves that batch 2 was published, but .* the tables were deleted",
)
NOTICED = dict(zip(points.FORGET[1:-1], [*(MISSING.format(name) for name in [RECORDS] * 6), PROVEN, PROVEN], strict=True))
"""What a run stops at where the tables are gone in part, or all of them while the group is there."""


@pytest.mark.proves("F211")
def test_a_pipeline_that_is_half_forgotten_is_noticed_and_the_next_try_finishes_it(pipe: Forgettable) -> None:
    for point in points.FORGET:
        assert pipe.dies(point), point
        if noticed := NOTICED.get(point):
            assert re.match(noticed, problems(pipe.pipeline)), point
            with pytest.raises(DecisionNeeded, match=noticed):
                run(pipe.pipeline)
    assert pipe.left() == [("file", pipe.pipeline.lock.name)]
    pipe.forget()
    assert pipe.left() == []
    assert not pipe.tables.exists()


@pytest.mark.proves("F211")
def test_nothing_goes_while_a_run_is_at_work_or_somebody_consumes_as_the_group(pipe: Forgettable) -> None:
    whole = pipe.left()
    with hold_lock(pipe.pipeline.lock, pipeline=pipe.pipeline.name, run_id="a run"):
        with pytest.raises(PipelineBusy, match="a run"):
            pipe.forget()
        (lock,) = (one for one in pipe.look().things if one.name == str(pipe.pipeline.lock))
        assert "run a run" in lock.holds
    stranger = Consumer({"bootstrap.servers": pipe.kafka.bootstrap, "group.id": pipe.pipeline.name})
    stranger.subscribe([pipe.pipeline.input.topic])
    wait_until(lambda: stranger.poll(0.1) is None and bool(stranger.assignment()), "the stranger to be in the group")
    with pytest.raises(ConfigurationError, match="somebody consumes as the group"):
        pipe.forget()
    stranger.close()
    assert pipe.left() == whole


@pytest.mark.proves("F210")
def test_tables_that_are_damaged_can_be_forgotten_and_a_link_is_left_to_its_owner(pipe: Forgettable, tmp_path: Path) -> None:
    shutil.rmtree(pipe.tables / RECORDS / "_delta_log")
    (damaged,) = (one for one in pipe.look().things if one.name.endswith(f"/{RECORDS}"))
    assert (damaged.rows, damaged.holds[:22]) == (None, "table records: missing")
    (pipe.tables / RECORDS).rename(tmp_path / "elsewhere")
    (pipe.tables / RECORDS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match=r"records is a link to .*/elsewhere"):
        pipe.forget()
    assert len(pipe.left()) == 6
    (pipe.tables / RECORDS).unlink()
    pipe.forget()
    assert pipe.left() == []

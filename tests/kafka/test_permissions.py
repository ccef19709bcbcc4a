"""Each permission taken away: told by plan and by run, before anything is stored, with the words of the ACL to ask for."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AclOperation, ResourceType

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.base.errors import ConfigurationError
from spark_jobs.beginning.output_topic import create_output_topic
from spark_jobs.broker.cluster import connect
from spark_jobs.broker.publisher import OutputRecord, Publisher
from spark_jobs.outlook.lookahead import look_ahead
from spark_jobs.outlook.permissions import acl_lines
from spark_jobs.pipeline.settings import load_pipeline
from tests.kafka.permitted import GROUP, TOPIC, TRANSACTIONS, Job, name_of, permitted_job
from tests.kafka.secured_cluster import Secured, bindings_of

ANSWER_SECONDS = 15.0
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE

pytestmark = [pytest.mark.xdist_group("secured"), pytest.mark.group("SE"), pytest.mark.thorough]


@pytest.fixture
def job(secured: Secured, tmp_path: Path) -> Iterator[Job]:
    with permitted_job(secured, tmp_path) as job:
        yield job


def refusal(ask: Callable[[], object]) -> str:
    """The one sentence that a user reads, in time."""
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        ask()
    assert time.monotonic() - started < ANSWER_SECONDS
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("resource", "which", "lost", "missing"),
    [
        (TOPIC, "in", [READ], "Read on topic {name}"),
        (TOPIC, "in", [READ, DESCRIBE, AclOperation.DESCRIBE_CONFIGS], "Read on topic {name} and Describe on topic {name}"),
        (TOPIC, "out", [WRITE], "Write on topic {name}"),
        (TOPIC, "out", [READ], "Read on topic {name}"),
        (TOPIC, "out", [READ, WRITE], "Read on topic {name} and Write on topic {name}"),
        (GROUP, "", [READ], "Read on group {name}"),
        (GROUP, "", [READ, DESCRIBE], "Read on group {name} and Describe on group {name}"),
    ],
    ids=lambda value: "-".join(one.name for one in value) if isinstance(value, list) else None,
)
@pytest.mark.proves("F180")
def test_a_permission_that_is_taken_away_is_told_by_plan_and_by_run_before_anything_is_stored(
    job: Job, resource: ResourceType, which: str, lost: list[AclOperation], missing: str
) -> None:
    name, path = name_of(job, resource, which), job.world.pipeline.kafka
    job.lose(resource, name, *lost)
    wanted = (
        f"User:job has no permission for {missing.format(name=name)} at {job.world.bootstrap}; ask for "
        f"{'these ACLs' if ' and ' in missing else 'that ACL'} (dayfold acls prints what a pipeline needs), "
        f"or for the right login in {path}"
    )
    assert refusal(lambda: look_ahead(job.world.pipeline, os.environ)) == wanted
    assert refusal(job.world.run) == wanted
    assert not Path(job.world.pipeline.lake).exists()


@pytest.mark.proves("F180")
def test_what_implies_a_permission_is_as_good_as_that_permission(job: Job) -> None:
    job.secured.allow_only("job", [one for one in job.granted if one.operation in (READ, WRITE)])
    assert look_ahead(job.world.pipeline, os.environ).count == 1


@pytest.mark.proves("F41")
def test_a_missing_permission_on_the_transactional_id_is_told_by_the_run_before_anything_is_stored(job: Job) -> None:
    job.lose(TRANSACTIONS, job.world.pipeline.name, WRITE)
    found = look_ahead(job.world.pipeline, os.environ)
    assert found.notes == (
        f"whether Write on transactional id {job.world.pipeline.name} is permitted is known only when a run begins",
    )
    sentence = refusal(job.world.run)
    assert f"User:job has no permission for Write on transactional id {job.world.pipeline.name} at" in sentence
    assert not Path(job.world.pipeline.lake).exists()


@pytest.mark.parametrize(
    ("resource", "which", "lost", "missing"),
    [
        (TOPIC, "out", [READ, WRITE], "Write on topic"),
        (GROUP, "", [READ], "Read on group"),
        (TRANSACTIONS, "", [WRITE, DESCRIBE], "Write on transactional id"),
    ],
    ids=["output", "group", "transactional id"],
)
@pytest.mark.proves("F180")
def test_a_permission_that_is_taken_away_while_a_run_works_is_told_by_its_name(
    job: Job, resource: ResourceType, which: str, lost: list[AclOperation], missing: str
) -> None:
    pipeline = job.world.pipeline
    settings = load_kafka_settings(pipeline.kafka, os.environ)
    publisher = Publisher.open(settings, pipeline.name)
    publisher.fence()
    name = name_of(job, resource, which)
    job.lose(resource, name, *lost)
    average = OutputRecord(0, b"2006-12-23", b"{}", ())
    ends = [TopicPartition(pipeline.input.topic, 0, 1)]
    sentence = refusal(lambda: publisher.publish(pipeline.output_name, [average], ends))
    assert f"User:job has no permission for {missing} {name} at" in sentence
    with connect(settings) as broker:
        assert len({(one.stable, one.low) for one in broker.topic(pipeline.input.topic).partitions}) == 2


@pytest.mark.proves("F207")
def test_the_output_topic_is_created_by_whom_may_create_it(job: Job) -> None:
    pipeline = load_pipeline(job.world.config, overrides=[f"output.topic={job.world.pipeline.name}-new"])
    topic, kafka = pipeline.output_name, load_kafka_settings(pipeline.kafka, {})
    job.secured.allow_only("job", bindings_of(acl_lines(pipeline, kafka.servers, "User:job")))
    with connect(kafka) as broker:
        assert refusal(lambda: create_output_topic(broker, pipeline)).startswith(
            f"User:job has no permission for Create on topic {topic}"
        )
        job.secured.allow_only("job", bindings_of(acl_lines(pipeline, kafka.servers, "User:job", creating=True)))
        assert create_output_topic(broker, pipeline).report == {
            **{"topic": topic, "created": True, "partitions": 2, "replication": 1},
            "settings": {"cleanup.policy": None, "retention.ms": None},
        }

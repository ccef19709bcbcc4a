"""A pipeline's history with everything in it, and its audit: what the cases of the audit share."""

from pathlib import Path

import pytest

from spark_jobs.access.properties import load_kafka_settings
from spark_jobs.audit.reconcile import Audit, audit
from spark_jobs.base.errors import TooManyRejected
from spark_jobs.broker.cluster import connect
from spark_jobs.pipeline.settings import load_pipeline
from tests.faults.batches import some
from tests.world import World

NO_LIMIT, STRICT = "limits.max_rejected_fraction=1", "limits.max_rejected_fraction=0"


def write_history(world: World) -> None:
    """Batches with rejected rows, gaps and late days, a loss, an abandoned batch, an adopted topic."""
    world.send(0, *some(4), *some(2, 17))
    world.send(1, *some(3), b"junk", None)
    world.send_in_transaction(1, *some(2), commit=False)
    world.run()
    world.send(0, *some(3), *some(1, 18))
    world.run_with_fault("after:commit_transaction:raise")
    world.run()
    world.send(0, *some(5, 19))
    world.delete_records(0, 12)
    world.run(accept_loss=True)
    world.send(2, *some(3), b"junk")
    with pytest.raises(TooManyRejected):
        world.run(overrides=[STRICT])
    world.run(overrides=[NO_LIMIT], abandon=True)
    world.recreate_input(3)
    world.send(0, *some(2))
    world.send(1, *some(2, 17))
    world.run(adopt_topic=True)
    world.send(1, *some(2, 16))
    world.run()


def audited(world: World, lake: Path | None = None, *, output: str = "", deep: bool = False) -> Audit:
    lakes = [f"lake={lake}"] if lake else []
    pipeline = load_pipeline(world.config, overrides=[*lakes, *([f"output.topic={output}"] if output else [])])
    with connect(load_kafka_settings(pipeline.kafka, {})) as broker:
        return audit(broker, pipeline, deep=deep)


def told(found: Audit) -> str:
    return "\n".join(map(str, found.differences))


def differences(world: World) -> list[str]:
    """What an audit finds, quick and deep."""
    return [told(audited(world, deep=deep)) for deep in (False, True)]

"""Maintenance as it is a year later, when a month of records is kept."""

from datetime import UTC, datetime, timedelta

from spark_jobs.maintenance.maintain import Maintenance, maintain
from spark_jobs.pipeline.settings import load_pipeline
from tests.world import World

IN_A_YEAR = datetime.now(UTC) + timedelta(days=365)
KEEP_A_MONTH = "maintenance.keep_records_days=30"


def maintain_in_a_year(world: World, *overrides: str) -> Maintenance:
    """All but the newest finished batch is pruned then; the test's oracle is told."""
    found = maintain(load_pipeline(world.config, overrides=[KEEP_A_MONTH, *overrides]), now=IN_A_YEAR)
    world.pruned = found.pruned.batch if found.pruned else world.pruned
    return found

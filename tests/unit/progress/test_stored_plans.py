"""Plans that cannot be read or executed, in tables without Kafka and Spark: what is said, and that each can be abandoned."""

from pathlib import Path
from typing import Any, cast

import pytest
from deltalake import DeltaTable

from spark_jobs.base.errors import DecisionNeeded, TableDamaged
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.health import require_whole
from spark_jobs.outlook.executable import require_executable
from spark_jobs.progress.standing import Standing
from spark_jobs.run.decisions import abandon
from spark_jobs.run.job import Job, RunRequest
from tests.faults.unusable import UNUSABLE, Alter, tamper
from tests.stored import lake_of, plan_batch, stored_pipeline


def job_of(pipeline: Any) -> Job:
    """What abandoning needs: the tables alone."""
    lake = lake_of(pipeline)
    nobody = cast("Any", None)
    return Job(pipeline, RunRequest("test", abandon=True), nobody, nobody, lake, CheckpointLog(lake), nobody, nobody)


@pytest.mark.proves("F172")
@pytest.mark.parametrize(("how", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_plan_is_told_and_can_be_abandoned(tmp_path: Path, how: Alter, sentence: str) -> None:
    pipeline = stored_pipeline(tmp_path, 1)
    plan_batch(pipeline, 2)
    tamper(f"{pipeline.lake}/p/checkpoints", how)
    job = job_of(pipeline)
    progress = job.checkpoints.progress
    plan = progress.unfinished
    assert plan is not None
    assert (plan.batch, progress.last_batch, progress.ends) == (2, 2, job.checkpoints.progress.ends)
    with pytest.raises(DecisionNeeded) as caught:
        require_executable(plan, Standing(plan.keeps_records))
    assert caught.value.settled_by == ("abandon",)
    assert str(caught.value).startswith("batch 2 was planned, but its plan cannot be executed here: ")
    assert sentence in str(caught.value)
    require_whole(job.lake, job.checkpoints)
    abandon(job)
    after = CheckpointLog(job.lake).progress
    assert (after.unfinished, after.last_batch, after.ends) == (None, 2, {one.partition: one.start for one in plan.ranges})
    assert set(after.table_ids) == {"records", "contributions", "daily_averages"}


@pytest.mark.proves("F172")
def test_rules_are_not_needed_once_a_batch_is_read_but_a_plan_must_be_readable(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 1)
    plan_batch(pipeline, 2)
    zone, torn = UNUSABLE["a zone that Java does not know"][0], UNUSABLE["no JSON"][0]
    for how, passes in ((zone, True), (torn, False)):
        tamper(f"{pipeline.lake}/p/checkpoints", how)
        job = job_of(pipeline)
        plan = job.checkpoints.progress.unfinished
        assert plan is not None
        if passes:
            require_executable(plan, Standing(plan.keeps_records, 1, 1))
        else:
            with pytest.raises(DecisionNeeded):
                require_executable(plan, Standing(plan.keeps_records, 1, 1))


@pytest.mark.proves("F172")
@pytest.mark.parametrize("state", ["PAUSED", "planned", ""])
def test_a_state_of_a_newer_version_is_damage_with_the_way_on(tmp_path: Path, state: str) -> None:
    pipeline = stored_pipeline(tmp_path, 2)
    table = DeltaTable(f"{pipeline.lake}/p/checkpoints")
    table.update(new_values={"state": state}, predicate="batch = 2 AND state = 'DONE'")
    with pytest.raises(TableDamaged, match=f"the row {state} of batch 2 cannot be understood .*If a newer version of Dayfold"):
        _ = CheckpointLog(lake_of(pipeline)).progress


@pytest.mark.proves("F172")
def test_a_done_row_without_its_facts_is_damage(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 2)
    tamper(f"{pipeline.lake}/p/checkpoints", lambda _: None, "DONE")
    job = job_of(pipeline)
    with pytest.raises(TableDamaged, match=r"the row DONE of batch 2 cannot be understood \(it lacks 'published'\)"):
        require_whole(job.lake, job.checkpoints)


@pytest.mark.proves("F172")
def test_ranges_that_are_none_are_damage(tmp_path: Path) -> None:
    pipeline = stored_pipeline(tmp_path, 1)
    plan_batch(pipeline, 2)
    table = DeltaTable(f"{pipeline.lake}/p/checkpoints")
    table.update(updates={"ranges": "NULL"}, predicate="batch = 2")
    with pytest.raises(TableDamaged, match=r"row 3 cannot be understood"):
        CheckpointLog(lake_of(pipeline))

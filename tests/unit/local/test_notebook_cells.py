"""The notebook without Spark, cell by cell on tables that were written by hand:
a pipeline that has stopped keeping its records.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from spark_jobs.lake import tables
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.local.notebooks import NOTEBOOKS
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.counts import Counts
from tests.daily_tables import SCHEMAS
from tests.stored import SIZE, done, done_at, lake_of, plan_batch, ranges, record, stored_pipeline, sum_up

SECONDS = 30


def finish_averages_only(pipeline: Pipeline, batch: int) -> None:
    """A batch of which only a rejected message is stored, an old one; it was done so many seconds after it was planned."""
    lake, stored = lake_of(pipeline), ranges(batch)
    old = {**record(batch, stored[0], stored[0].start), "kafka_timestamp": done_at(batch) - timedelta(hours=1)}
    rejected = pa.Table.from_pylist([old], schema=SCHEMAS[RECORDS])
    write_deltalake(lake.open(RECORDS), rejected, mode="append", commit_properties=tables.committed_as(lake.app(RECORDS), batch))
    sum_up(lake, batch)
    counts = (Counts(0, SIZE, SIZE - 1, 1, 0), Counts(1, SIZE - 1, SIZE - 1, 0, 1))
    at = done_at(batch) + timedelta(seconds=SECONDS)
    CheckpointLog(lake).append(done(batch, at=at, counts=counts, published=2, keeps_records=False))


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, Any]]:
    """The variables after the last cell."""
    pipeline = stored_pipeline(tmp_path, 1)
    plan_batch(pipeline, 2)
    finish_averages_only(pipeline, 2)
    monkeypatch.setenv("DAYFOLD_PIPELINE", str(tmp_path / "p.yaml"))
    monkeypatch.setenv("DAYFOLD__INPUT__VALUE__UNIT", "$/MWh $")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    names: dict[str, Any] = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in json.loads((NOTEBOOKS / "02_without_spark.ipynb").read_text())["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), "02_without_spark", "exec"), names)
        yield {**names, "said": capsys.readouterr().out}
        names["plt"].close("all")


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_lag_of_a_batch_without_records_counts_from_its_plan(executed: dict[str, Any]) -> None:
    lag = executed["lag"].select("batch", "partition", "lag_seconds").rows()
    assert lag == [(1, 0, 0.0), (1, 1, 0.0), (2, 0, float(SECONDS)), (2, 1, float(SECONDS))]
    assert executed["lag"]["newest_message"].null_count() == 2
    assert executed["what"] == "voltage ($/MWh $)"
    assert f"{2 * (SIZE - 1)} of {4 * (SIZE - 1)} readings of 2026-01-01 in the table records" in executed["said"]
    assert executed["said"].endswith(f"{4 * (SIZE - 1)} readings of 1 day add up to 80.000000 $/MWh $\n")

"""Rejected messages stay visible: counted by reason in the checkpoints, listed from the table `records`,
from as few files as it takes.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.answers.batch_reports import rejected_report, rejected_table
from spark_jobs.answers.reports import rejected_text
from spark_jobs.base.errors import TableDamaged
from spark_jobs.lake import tables
from spark_jobs.lake.checkpoint_log import CheckpointLog
from spark_jobs.lake.rejected import LAST_YEAR_US, RejectedMessage, Rejections, reasons_of_batch, rejected_messages, rejections_of
from spark_jobs.lake.schemas import RECORDS
from spark_jobs.lake.tables import Lake
from spark_jobs.pipeline.settings import Pipeline
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.history import rules_of
from spark_jobs.readings.expectations import expected
from spark_jobs.readings.message_formats import Rejection
from tests.daily_tables import SCHEMAS
from tests.nasty import NASTY, hidden_in
from tests.stored import done, done_at, drop_newest_statistics, finish_batch, lake_of, plan_batch, stored_pipeline
from tests.typed import text_of, type_in

pytestmark = pytest.mark.proves("F198")


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """Three batches, each with one rejected message on each of its two partitions."""
    return stored_pipeline(tmp_path, 3)


def places(lake: Lake, most: int, batch: int | None = None) -> list[tuple[int, int, int]]:
    return [(one.batch, one.partition, one.offset) for one in rejected_messages(lake, most, batch)]


def reject(lake: Lake, batch: int, *messages: tuple[int, str, bytes | None], sent: int | None = None) -> None:
    """Store rejected messages as those of the batch: offset, reason, bytes."""
    rows = [
        {"partition": 0, "offset": offset, "kafka_timestamp": sent, "rejected_because": reason, "raw": raw, "batch": batch}
        for offset, reason, raw in messages
    ]
    tables.append_once(lake.open(RECORDS), pa.Table.from_pylist(rows, schema=SCHEMAS[RECORDS]), app="test", version=batch)


def test_they_are_listed_newest_first_as_many_as_are_asked_for(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    assert places(lake, 3) == [(3, 0, 10), (3, 1, 10), (2, 0, 5)]
    assert places(lake, 99, batch=1) == [(1, 0, 0), (1, 1, 0)]
    assert places(lake, 99, batch=7) == []
    assert len(places(lake, 99)) == 6


def test_only_the_newest_files_are_read(pipeline: Pipeline) -> None:
    """Files that are gone stop whoever reads them, and nobody else."""
    lake = lake_of(pipeline)
    for file in pa.table(lake.open(RECORDS).get_add_actions(flatten=True)).to_pylist():
        if file["max.batch"] < 3:
            Path(lake.location(RECORDS), file["path"]).unlink()
    assert places(lake, 2) == [(3, 0, 10), (3, 1, 10)]
    with pytest.raises(TableDamaged, match="records"):
        places(lake, 3)


def test_files_put_together_and_files_without_statistics_are_read_as_well(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    lake.open(RECORDS).optimize.compact()
    reject(lake, 4, (20, "EMPTY", b""))
    drop_newest_statistics(lake, RECORDS)
    assert places(lake, 3) == [(4, 0, 20), (3, 0, 10), (3, 1, 10)]


def test_they_are_counted_by_reason_where_the_batch_says_why(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    assert rejections_of(lake) == Rejections(6, 3, 1, done_at(1), 2, {})
    plan_batch(pipeline, 4)
    counts = (Counts(0, 5, 2, 3, 0), Counts(1, 5, 5, 0, 0))
    CheckpointLog(lake).append(done(4, counts=counts, published=0, rejected={"NO_VALUE": 1, "BAD_TIME": 2}))
    found = rejections_of(lake)
    assert found == Rejections(9, 4, 1, done_at(1), 3, {"BAD_TIME": 2, "NO_VALUE": 1})
    assert rejected_text(found) == (
        "rejected: 9 messages since batch 1, 2020-01-01 00:00:00 UTC (BAD_TIME 2, NO_VALUE 1, others 6); 3 by the last batch"
    )
    assert rejected_text(replace(found, count=1, last=0, reasons={})).startswith("rejected: 1 message since batch 1, ")


def test_a_pipeline_without_rejected_messages_or_without_tables_has_none(tmp_path: Path) -> None:
    lake = lake_of(stored_pipeline(tmp_path, 0))
    assert (rejections_of(lake), rejected_messages(lake, 9)) == (Rejections(), [])
    assert text_of(rejected_table("p", Rejections(), [], {}, 80)).splitlines() == ["p: no finished batch rejected a message"]


def test_those_of_a_batch_that_was_stopped_are_listed(pipeline: Pipeline) -> None:
    """A run ends with 65 if too many are rejected: then an operator looks here."""
    lake = lake_of(pipeline)
    plan_batch(pipeline, 4)
    reject(lake, 4, (15, "BAD_TIME", b'{"datetime": "2026"}'), (16, "TOMBSTONE", None), (17, "BAD_TIME", b"\xff\x00"))
    assert places(lake, 3) == [(4, 0, 17), (4, 0, 16), (4, 0, 15)]
    assert reasons_of_batch(lake, 4) == {"BAD_TIME": 2, "TOMBSTONE": 1}
    messages = rejected_messages(lake, 3)
    rules = rules_of(CheckpointLog(lake).rows, {4})
    plain = json.loads(json.dumps(rejected_report(rejections_of(lake), messages, rules), default=str))["messages"]
    assert [(one["reason"], one["bytes"], one["message"]) for one in plain] == [
        *(("BAD_TIME", 2, "\\xff\x00"), ("TOMBSTONE", 0, None), ("BAD_TIME", 20, '{"datetime": "2026"}'))
    ]
    assert plain[2]["expected"] == '"datetime" as yyyy-MM-dd HH:mm:ss'


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_message_is_shown_as_text(text: str, width: int) -> None:
    raw = text.encode(errors="surrogatepass")
    one = RejectedMessage(3, 0, 1, None, "NOT_JSON", raw, len(raw))
    shown = text_of(rejected_table(text, Rejections(), [one], {}, width), width)
    assert hidden_in(shown) == []


def test_a_time_after_all_years_of_the_calendar_is_no_time(pipeline: Pipeline) -> None:
    lake = lake_of(pipeline)
    reject(lake, 4, (15, "EMPTY", b""), sent=LAST_YEAR_US)
    reject(lake, 5, (16, "EMPTY", b""), sent=LAST_YEAR_US - 1)
    assert [one.kafka_timestamp for one in rejected_messages(lake, 2)] == [
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        None,
    ]


def test_every_reason_has_an_expectation(pipeline: Pipeline) -> None:
    rules = pipeline.rules(done_at(1))
    phrases = {reason: expected(reason, rules) for reason in Rejection}
    assert [reason for reason, phrase in phrases.items() if len(phrase) < 10] == []
    assert phrases[Rejection.NUMBER_OUT_OF_RANGE] == '"voltage" with at most 12 digits before the point'
    assert expected("OF_A_LATER_VERSION", rules) == "-"


def test_what_an_operator_types_lists_them(tmp_path: Path) -> None:
    stored_pipeline(tmp_path, 3)
    listed = type_in("rejected", str(tmp_path / "p.yaml"), "--limit", "1")
    assert listed.returncode == 0, listed.stderr
    title, shown, *rows = [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    assert title == "p: rejected: 6 messages since batch 1, 2020-01-01 00:00:00 UTC; 2 by the last batch"
    assert shown == "shown: 1 message, the newest first"
    assert rows[-1].startswith("3          0      10  2020-01-03 00:00:00  EMPTY   a JSON object")
    plain = json.loads(type_in("rejected", str(tmp_path / "p.yaml"), "--json", "--batch", "2").stdout)
    assert (plain["count"], [one["batch"] for one in plain["messages"]]) == (6, [2, 2])


def test_finished_batches_are_not_looked_for_in_plans(pipeline: Pipeline) -> None:
    plan_batch(pipeline, 4)
    assert rejections_of(lake_of(pipeline)).count == 6
    finish_batch(pipeline, 4)
    assert rejections_of(lake_of(pipeline)).count == 8

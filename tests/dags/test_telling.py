"""What a run shows of itself in the logs and XComs of its tasks."""

import json
import re
from datetime import timedelta

import pytest

from spark_jobs.orchestration.finished import SHOWN
from tests.dags.asked import Facts
from tests.stored import DAY, SIZE


@pytest.mark.group("AF")
@pytest.mark.proves("F206")
def test_the_averages_that_a_run_changed_stand_in_its_log_and_in_its_xcom(facts: Facts) -> None:
    finished = facts["telling"]["finished"]
    shown = finished["xcoms"]["averages"]
    rows = [(one["partition"], one["date"], one["value_count"], one["revision"]) for one in shown["averages"]]
    assert rows == [(partition, DAY.isoformat(), 2 * (SIZE - 1), 2) for partition in range(2)]
    assert (shown["days"], shown["left_out"], shown["changed_since"]) == (2, 0, 0)
    said = finished["said"]
    assert "p: batches 1, 2 changed 2 averages" in said
    (line,) = [one for one in said if re.match(rf"\s*{DAY} +1 ", one)]
    assert line.split() == [DAY.isoformat(), "1", shown["averages"][1]["average"], "8", "2", "2"]


@pytest.mark.group("AF")
@pytest.mark.proves("F206")
def test_of_many_averages_the_newest_are_shown_and_the_others_are_counted(facts: Facts) -> None:
    many = facts["telling"]["many"]
    days = [one["date"] for one in many["returned"]["averages"]]
    assert days == [(DAY - timedelta(days=number)).isoformat() for number in range(1, SHOWN + 1)]
    assert (many["returned"]["days"], many["returned"]["left_out"]) == (SHOWN + 10, 10)
    assert f"p: batch 3 changed {SHOWN + 10} averages, the newest {SHOWN} of them" in many["said"]
    assert len([line for line in many["said"] if re.match(r"\s*\d{4}-\d\d-\d\d ", line)]) == SHOWN
    assert re.fullmatch(r"and 10 averages more, none of a later day; all are in .*/lake/p/daily_averages", many["said"][-1])
    assert len(json.dumps(many["returned"])) < 10_000


@pytest.mark.group("AF")
@pytest.mark.proves("F204")
def test_a_run_that_finds_nothing_names_the_run_and_the_batch_that_have_read_it(facts: Facts) -> None:
    told = facts["telling"]["nothing new"]
    newest = "read by run run: batches 1 to 2, done 2020-01-02 00:00:00 UTC, 20 records"
    reason = "what was new in a when this run was due has been read by another run already"
    assert told["said"][:2] == [reason, newest]
    assert "skipped (pink in Airflow); the run is a success" in told["said"][-1]
    assert told["returned"]["reason"] == told["said"][0]
    (reader,) = told["returned"]["read_by"]
    assert reader == {"run_id": "run", "by": "-", "first": 1, "last": 2, "at": "2020-01-02T00:00:00+00:00", "read": 20}
    assert facts["telling"]["nothing since"]["said"][:2] == ["nothing has arrived in a since it was read to its end", newest]

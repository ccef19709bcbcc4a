"""What counts as another definition, field by field, and what a log says about where one changed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.audit.ledger_fold import read_ledger
from spark_jobs.base.errors import DefinitionChanged
from spark_jobs.pipeline.rule_texts import setting_texts
from spark_jobs.pipeline.settings import Pipeline, load_pipeline
from spark_jobs.progress.checkpoints import Progress, after
from spark_jobs.progress.definition import Definition, changes, changes_output
from spark_jobs.progress.ledger import LedgerRow, Redefined, planned
from spark_jobs.progress.offsets import OffsetRange, Partition, Plan, Topic
from spark_jobs.progress.redefinition import (
    current_definition,
    redefinitions,
    require_same_definition,
    start_note,
)
from spark_jobs.progress.row_codec import columns_of
from tests.ledger_rows import stored_row
from tests.plans import plan_of
from tests.settings_file import MINIMAL

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OUTPUT = Topic("daily", "id-1", (Partition(0, 0, 0, 0),))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(MINIMAL.replace("{topic: b}", "{topic: daily}"))
    return path


def pipeline(file: Path, *overrides: str) -> Pipeline:
    return load_pipeline(file, overrides=overrides)


def definition(file: Path, *overrides: str, now: datetime = NOW, output: Topic = OUTPUT) -> Definition:
    return current_definition(pipeline(file, *overrides), output, now)


def changed(file: Path, *overrides: str) -> list[str]:
    """What changes if these settings are added tomorrow."""
    tomorrow = NOW + timedelta(days=1)
    return [str(one) for one in changes(definition(file), definition(file, *overrides, now=tomorrow))]


CHANGED: Mapping[str, str] = {
    "input.time.field=at": "input.time.field: datetime so far, at now",
    "input.time.format=epoch_seconds": "input.time.format: yyyy-MM-dd HH:mm:ss so far, epoch_seconds now",
    "input.time.timezone=Europe/Paris": "input.time.timezone: UTC so far, Europe/Paris now",
    "input.time.earliest=2000-01-01T00:00:00Z": "input.time.earliest: the default so far, 2000-01-01T00:00:00+00:00 now",
    "input.time.latest=2030-01-01T00:00:00Z": "input.time.latest: the default so far, 2030-01-01T00:00:00+00:00 now",
    "input.value.field=watts": "input.value.field: voltage so far, watts now",
    "input.value.type=decimal(10,6)": "input.value.type: decimal(18,6) so far, decimal(10,6) now",
    "input.value.type=decimal(14,2)": "input.value.type: decimal(18,6) so far, decimal(14,2) now",
    "input.value.excess_digits=reject": "input.value.excess_digits: round so far, reject now",
}

UNCHANGED = (
    "limits.max_records_per_batch=5",
    "limits.max_rejected_fraction=1",
    "limits.warn_retention_hours=1",
    "records=off",
    "lake=elsewhere",
    "state=elsewhere",
    "kafka=other.properties",
    "input.start=latest",
    "input.value.unit=mV",
    "maintenance.keep_records_days=9",
    "alerts.mail_to=[ops@example.org]",
    "airflow.messages_connection=kafka",
    "input.value.type=decimal( 18 , 6 )",
)


@pytest.mark.parametrize("override", CHANGED)
def test_a_setting_that_can_change_a_result_is_named_with_both_values(file: Path, override: str) -> None:
    assert changed(file, override) == [CHANGED[override]]


@pytest.mark.parametrize("override", UNCHANGED)
def test_a_setting_that_can_change_no_result_passes_and_so_does_a_day(file: Path, override: str) -> None:
    assert changed(file, override) == []


def test_every_rule_is_compared_under_the_setting_that_it_comes_from(file: Path) -> None:
    rules = definition(file).rules
    number = {"precision": 17, "scale": 5}
    found = set()
    for name in type(rules).model_fields:
        before = replace(definition(file), silent=frozenset())
        now = replace(before, rules=rules.model_copy(update={name: number.get(name, f"another {getattr(rules, name)}")}))
        (change,) = changes(before, now)
        found.add(change.setting)
    assert found == set(setting_texts(rules))


def test_a_bound_that_was_set_and_is_silent_now_counts_and_the_same_bound_written_out_does_not(file: Path) -> None:
    earliest = f"input.time.earliest={definition(file).rules.earliest.isoformat()}"
    assert changes(definition(file, earliest), definition(file)) == ()
    bound = definition(file, "input.time.latest=2030-01-01T00:00:00Z")
    assert [str(one) for one in changes(bound, definition(file))] == [
        "input.time.latest: 2030-01-01T00:00:00+00:00 so far, the default now"
    ]
    assert changes(bound, definition(file, "input.time.latest=2030-01-01T01:00:00+01:00", now=NOW + timedelta(days=9))) == ()


def test_another_output_topic_is_another_definition_and_so_is_one_created_anew(file: Path) -> None:
    (other,) = changes(definition(file), definition(file, output=replace(OUTPUT, name="averages", id="id-2")))
    assert str(other) == "output.topic: daily with the topic id id-1 so far, averages with the topic id id-2 now"
    (anew,) = changes(definition(file), definition(file, output=replace(OUTPUT, id="id-2")))
    assert str(anew).endswith("daily with the topic id id-2 and created again now")
    assert changes_output([other])
    assert not changes_output(changes(definition(file), definition(file, "input.value.field=watts")))


def redefined(batch: int, one: Definition) -> Redefined:
    return Redefined(batch=batch, run_id="run", at=NOW, topic_id="t1", by=None, definition=one, changes=(), confirmed=())


def details_of(one: Definition) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(columns_of(redefined(1, one))["details"])
    return found


def read_back(details: Mapping[str, Any], at: datetime) -> Definition:
    found = stored_row("REDEFINED", {"changes": [], "confirmed": [], **details}, at=at)
    assert isinstance(found, Redefined)
    return found.definition


def test_a_definition_comes_back_as_it_was_stored(file: Path) -> None:
    for one in (definition(file), definition(file, "input.time.latest=2030-01-01T00:00:00Z")):
        assert read_back(details_of(one), NOW) == one


@pytest.mark.parametrize(
    "overrides", [(), ("input.time.latest=2030-01-01T00:00:00Z", "input.time.earliest=2000-01-01T00:00:00Z")]
)
def test_a_plan_of_before_defaults_were_told_apart_is_compared_by_what_it_holds(file: Path, overrides: tuple[str, ...]) -> None:
    told = details_of(replace(definition(file, *overrides), output_topic=None))
    if not overrides:
        told["rules"]["earliest"] = "1970-01-01T00:00:00Z"
    old = read_back({key: told[key] for key in ("rules", "output_topic_id")}, NOW + timedelta(seconds=4))
    tomorrow = NOW + timedelta(days=1)
    assert changes(old, definition(file, *overrides, now=tomorrow)) == ()
    assert [one.setting for one in changes(old, definition(file, *overrides, "input.value.field=watts"))] == ["input.value.field"]
    assert str(changes(old, definition(file, *overrides, output=replace(OUTPUT, id="id-2")))[0]) == (
        "output.topic: a topic with the topic id id-1 so far, daily with the topic id id-2 now"
    )


def plan(file: Path, batch: int, *overrides: str) -> Plan:
    made = definition(file, *overrides)
    return plan_of(
        batch,
        (0, batch, batch + 1),
        topic_id="t1",
        rules=made.rules,
        output_topic_id=made.output_topic_id,
        silent=made.silent,
        input_topic="a",
        output_topic=made.output_topic,
        input_start="latest",
    )


def log(file: Path, *events: tuple[str, int, str]) -> Iterator[LedgerRow]:
    """Rows of a log; an event may name an override of the settings."""
    for state, batch, *overrides in events:
        given = [one for one in overrides if one]
        if state == "PLANNED":
            yield planned(plan(file, batch, *given), "run", NOW)
        elif state == "REDEFINED":
            yield redefined(batch, definition(file, *given))
        else:
            yield stored_row(state, AGAIN, batch=batch, topic_id="t1", ranges=(OffsetRange(0, batch, batch + 1),))


AGAIN = {"republished": "now", "output_topic": "daily", "output_topic_id": "id-1", "count": 1, "days": None}
WATTS = "input.value.field=watts"


def progress(file: Path, *events: tuple[str, int, str]) -> Progress:
    return reduce(after, log(file, *events), Progress())


def test_what_batches_follow_is_what_the_last_one_that_counts_followed_or_was_decided_since(file: Path) -> None:
    first: tuple[str, int, str] = ("PLANNED", 1, "")
    assert progress(file, first).definition is None
    assert progress(file, first, ("ABANDONED", 1, "")).definition is None
    done = progress(file, first, ("DONE", 1, ""))
    assert done.definition == definition(file)
    given_up = progress(file, first, ("DONE", 1, ""), ("PLANNED", 2, WATTS), ("ABANDONED", 2, ""))
    assert given_up.definition == definition(file)
    decided = progress(file, first, ("DONE", 1, ""), ("REDEFINED", 1, WATTS), ("REPUBLISHED", 1, ""))
    assert decided.definition == definition(file, WATTS)
    assert (decided.ends, decided.topic_id, decided.last_batch) == (done.ends, done.topic_id, done.last_batch)
    assert (decided.input_topic, decided.input_start) == ("a", "latest")


def test_a_plan_of_before_topics_were_named_is_still_a_plan(file: Path) -> None:
    stored = json.loads(columns_of(planned(plan(file, 1), "run", NOW))["details"])
    old = {key: value for key, value in stored.items() if key not in ("silent", "input_topic", "output_topic", "input_start")}
    found = after(Progress(), stored_row("PLANNED", old, ranges=(OffsetRange(0, 1, 2),)))
    assert found.unfinished is not None
    assert (found.unfinished.output_topic, found.unfinished.input_topic, found.input_start) == (None, None, None)
    assert found.unfinished.rules == plan(file, 1).rules


def test_an_audit_tells_a_change_that_nobody_decided_and_where_averages_went(file: Path) -> None:
    done: list[tuple[str, int, str]] = [("PLANNED", 1, ""), ("DONE", 1, "")]
    changed_in_silence = read_ledger(range(1, 5), list(log(file, *done, ("PLANNED", 2, WATTS), ("DONE", 2, ""))), 4)
    told = [str(one) for one in changed_in_silence.differences if "settings" in str(one)]
    assert [one.partition(". ")[0] for one in told] == [
        "table checkpoints: from batch 2 on other settings hold than before (input.value.field: voltage so far, watts now), "
        "which nobody decided"
    ]
    rows = list(log(file, *done, ("REDEFINED", 1, "")))
    assert isinstance(rows[-1], Redefined)
    moved = replace(rows[-1], definition=replace(rows[-1].definition, output_topic_id="id-2"))
    ledger = read_ledger(range(1, 4), [*rows[:-1], moved], 3)
    assert [str(one) for one in ledger.differences if "settings" in str(one)] == []
    assert ledger.went_elsewhere(1, "id-2")
    assert not ledger.went_elsewhere(1, "id-1")
    assert not ledger.went_elsewhere(2, "id-2")
    too_early = read_ledger(range(1, 4), list(log(file, ("PLANNED", 1, ""), ("REDEFINED", 1, WATTS), ("DONE", 1, ""))), 3)
    assert "other settings were decided for batch 2 while batch 1 was unfinished" in str(too_early.differences[0])


def test_the_error_names_every_change_and_both_ways_on(file: Path) -> None:
    done = progress(file, ("PLANNED", 1, ""), ("DONE", 1, ""))
    require_same_definition(pipeline(file), done, definition(file))
    require_same_definition(pipeline(file), Progress(), definition(file, WATTS))
    now = definition(file, WATTS, "input.time.timezone=Asia/Tokyo", output=Topic("averages", "id-2", ()))
    with pytest.raises(DefinitionChanged) as caught:
        require_same_definition(pipeline(file), done, now, unfinished=2)
    told = str(caught.value)
    assert caught.value.exit_code == 65
    assert caught.value.settled_by == ("adopt_definition",)
    for part in (
        "  input.value.field: voltage so far, watts now",
        "  input.time.timezone: UTC so far, Asia/Tokyo now",
        "  output.topic: daily with the topic id id-1 so far, averages with the topic id id-2 now",
        "another name and another output topic",
        "--adopt-definition (in Airflow: trigger the DAG with the parameter adopt_definition)",
        "`dayfold republish` fills averages",
        "Batch 2 is unfinished and will be finished by its own settings first",
    ):
        assert part in told


def test_a_log_says_from_which_batch_on_other_settings_hold_and_who_decided(file: Path) -> None:
    history: list[tuple[str, int, str]] = [
        ("PLANNED", 1, ""),
        ("DONE", 1, ""),
        ("PLANNED", 2, WATTS),
        ("ABANDONED", 2, ""),
        ("PLANNED", 3, ""),
        ("DONE", 3, ""),
        ("PLANNED", 4, WATTS),
        ("DONE", 4, ""),
        ("REDEFINED", 4, ""),
        ("PLANNED", 5, ""),
        ("DONE", 5, ""),
    ]
    found = redefinitions(log(file, *history))
    assert [(one.batch, one.decided and one.decided.state) for one in found] == [(4, None), (5, "REDEFINED")]
    assert str(found[0]) == "from batch 4 on other settings hold than before (input.value.field: voltage so far, watts now)"
    rows = [replace(one, confirmed=(4,)) if isinstance(one, Redefined) else one for one in log(file, *history)]
    assert all(one.decided for one in redefinitions(rows))


@pytest.mark.parametrize(
    ("stored", "setting", "noted"),
    [("latest", "latest", False), ("latest", "earliest", True), (None, "earliest", False), (None, "latest", True)],
)
def test_a_start_that_changes_nothing_is_said_to_unless_it_is_the_one_the_pipeline_began_with(
    file: Path, stored: str | None, setting: str, noted: bool
) -> None:
    begun = replace(progress(file, ("PLANNED", 1, ""), ("DONE", 1, "")), input_start=stored)
    note = start_note(pipeline(file, f"input.start={setting}"), begun)
    assert (note is not None) is noted
    if note:
        assert note.startswith(f"input.start is {setting}, which changes nothing")
    assert start_note(pipeline(file, "input.start=latest"), Progress()) is None

"""Each kind of row is stored to the byte as it always was, comes back as it was written, and is read where it lacks facts.

`tests/written/rows.jsonl` holds rows as an earlier version stored them, one of each kind and one of each form of a kind.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.base.errors import TableDamaged
from spark_jobs.base.signature import Signature
from spark_jobs.progress.checkpoints import Progress, after
from spark_jobs.progress.counts import Counts, Tally
from spark_jobs.progress.definition import Change, Definition, silent_of_old
from spark_jobs.progress.ledger import (
    KINDS,
    Abandoned,
    Adopted,
    Counted,
    Done,
    LedgerRow,
    Lost,
    Planned,
    Redefined,
    Republished,
    Shared,
    Unreadable,
    planned,
)
from spark_jobs.progress.losses import decisions_in, losses_in
from spark_jobs.progress.offsets import Loss, OffsetRange, Plan
from spark_jobs.progress.row_codec import columns_of, row_of
from tests import written
from tests.daily_tables import SCHEMAS
from tests.ledger_rows import stored_row
from tests.parsing_rules import rules

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F64")]

AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
BY = Signature("airflow", "edge1", "run 7", "anna")
RULES = rules(latest=AT)
RANGES = (OffsetRange(0, 3, 9), OffsetRange(1, 0, 0))
COUNTS = (Counts(0, 5, 4, 1, 1), Counts(1, 0, 0, 0, 0))
PLAN = Plan(
    *(5, "topic-1", RANGES, RULES, "output-1", {0: 7, 2: 1, 10: 2}, {"records": "id 1", "averages": "id 2"}, "0123456789abcdef"),
    keeps_records=False,
    silent=frozenset({"latest", "earliest"}),
    input_topic="readings",
    output_topic="daily",
    input_start="latest",
    revisions_after=4,
    epochs={0: 3},
)
DEFINITION = Definition(RULES.model_copy(update={"value_field": "watts"}), frozenset({"latest"}), "output-1", "daily")
CHANGES = (
    Change("input.value.field", "voltage", "watts"),
    Change("output.topic", "daily with the topic id out-0", "daily with the topic id output-1 and created anew"),
)


def shared(batch: int = 4, topic_id: str = "topic-1", by: Signature | None = BY) -> Shared:
    return {"batch": batch, "run_id": "run 7", "at": AT, "topic_id": topic_id, "by": by}


MARK = "2026-01-01T12:00:00.123+00:00"
REPUBLISHED = Republished(
    **shared(topic_id="topic-0"), mark=MARK, output_topic="daily", output_topic_id="output-1", count=17, days=None
)
ROWS: dict[str, LedgerRow] = {
    "planned": planned(PLAN, "run 7", AT, BY),
    "counted": Counted(**shared(5, by=None), ranges=RANGES, tally=Tally(COUNTS, 2, {"0": "1 markers"})),
    "done": Done(
        **shared(5),
        ranges=RANGES,
        counts=COUNTS,
        published=3,
        output_topic_id="output-1",
        output_ends={0: 9, 1: 2},
        rounded=2,
        rejected={"BAD_TIME": 1},
        gaps={"0": "1 markers"},
        keeps_records=False,
        seconds={"records": 1.5, "publish": 2.0},
        decided="rest",
    ),
    "abandoned": Abandoned(**shared(5), ranges=RANGES),
    "lost": Lost(**shared(), losses=(Loss(0, 3, 9, "retention"), Loss(1, 8, 4, "truncated")), resume={0: 9, 1: 4}),
    "adopted": Adopted(
        **shared(),
        starts={1: 0, 0: 4},
        before="topic-0",
        input_topic="readings",
        input_start="latest",
        ends_before={0: 3, 1: 8},
        known_until={0: 12},
    ),
    "a start remembered": Adopted(**shared(0), starts={0: 7, 1: 2}, start="latest"),
    "redefined": Redefined(**shared(topic_id="topic-0"), definition=DEFINITION, changes=CHANGES, confirmed=(2, 4)),
    "republished, some days": Republished(
        **shared(topic_id="topic-0"),
        mark=MARK,
        output_topic="daily",
        output_topic_id="output-1",
        count=17,
        days=(date(2026, 3, 1), date(2026, 3, 31)),
    ),
    "republished": REPUBLISHED,
}
LINES = (Path(written.__file__).parent / "rows.jsonl").read_text().splitlines()
STORED: dict[str, dict[str, Any]] = {name: json.loads(line) for name, line in zip(ROWS, LINES, strict=True)}


def columns(name: str) -> dict[str, Any]:
    return {**STORED[name], "at": datetime.fromisoformat(STORED[name]["at"])}


def with_details(name: str, details: Mapping[str, Any]) -> LedgerRow:
    return row_of({**columns(name), "details": json.dumps(details)})


def details(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORED[name]["details"])
    return found


def test_there_is_a_row_of_every_kind() -> None:
    assert {type(row) for row in ROWS.values()} == set(KINDS.values())


def in_table(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the table has of a row."""
    found: list[dict[str, Any]] = pa.Table.from_pylist([{"sequence": 1, **columns}], SCHEMAS["checkpoints"]).to_pylist()
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_stored_to_the_byte_as_it_always_was(name: str) -> None:
    assert in_table(columns_of(ROWS[name])) == in_table(columns(name))
    assert columns_of(ROWS[name])["details"] == columns(name)["details"]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_comes_back_as_it_was_written(name: str) -> None:
    found = row_of(columns(name))
    assert found == ROWS[name]
    assert in_table(columns_of(found)) == in_table(columns(name))


OPTIONAL: dict[str, dict[str, tuple[str, object]]] = {
    "done": {
        "published": ("published", None),
        "output_topic_id": ("output_topic_id", None),
        "output_ends": ("output_ends", {}),
        "rounded": ("rounded", 0),
        "rejected": ("rejected", None),
        "gaps": ("gaps", {}),
        "records": ("keeps_records", True),
        "seconds": ("seconds", {}),
        "decided": ("decided", None),
        "by": ("by", None),
    },
    "counted": {"records": ("keeps_records", True)},
    "abandoned": {"by": ("by", None)},
    "lost": {"by": ("by", None)},
    "adopted": {
        "before": ("before", None),
        "input_topic": ("input_topic", None),
        "input_start": ("input_start", None),
        "ends_before": ("ends_before", {}),
        "known_until": ("known_until", {}),
        "by": ("by", None),
    },
    "a start remembered": {"start": ("start", None), "by": ("by", None)},
    "redefined": {"by": ("by", None)},
    "republished": {"by": ("by", None)},
    "planned": {"by": ("by", None), "records": ("keeps_records", True)},
}
"""Facts that rows of some version lack, with what they are read as."""

OF_PLANS: dict[str, tuple[str, object]] = {
    "records": ("keeps_records", True),
    "silent": ("silent", silent_of_old(RULES, AT)),
    "input_topic": ("input_topic", None),
    "output_topic": ("output_topic", None),
    "input_start": ("input_start", None),
    "revisions_after": ("revisions_after", 0),
    "epochs": ("epochs", {}),
    "format": ("trouble", None),
}


def without(name: str, key: str) -> LedgerRow:
    found = details(name)
    del found[key]
    return with_details(name, found)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in OPTIONAL.items() for key in keys])
def test_a_row_of_before_a_fact_was_stored_is_read_without_it_and_is_otherwise_the_same(name: str, key: str) -> None:
    fact, value = OPTIONAL[name][key]
    found = without(name, key)
    assert getattr(found, fact) == value
    others = {one: told for one, told in vars(found).items() if one not in (fact, "plan")}
    assert others == {one: told for one, told in vars(ROWS[name]).items() if one in others}


@pytest.mark.parametrize("key", OF_PLANS)
def test_a_plan_of_before_a_fact_was_stored_is_read_without_it_and_is_otherwise_the_same(key: str) -> None:
    fact, value = OF_PLANS[key]
    found = without("planned", key)
    assert isinstance(found, Planned)
    assert getattr(found.plan, fact) == value
    assert {**vars(found.plan), fact: None} == {**vars(PLAN), fact: None}


NEEDED = [
    *[("counted", key) for key in ("rounded", "gaps")],
    *[("lost", key) for key in ("losses", "resume")],
    *[("redefined", key) for key in ("rules", "output_topic_id", "changes", "confirmed")],
]


@pytest.mark.parametrize(("name", "key"), NEEDED)
def test_a_row_without_what_its_kind_holds_stands_where_it_stood_and_is_damage_to_whoever_needs_it(name: str, key: str) -> None:
    found, whole = without(name, key), ROWS[name]
    assert isinstance(found, Unreadable)
    assert (found.batch, found.at, found.by, found.kind, found.state) == (whole.batch, AT, whole.by, type(whole), whole.state)
    with pytest.raises(
        TableDamaged, match=rf"the row {whole.state} of batch {whole.batch} cannot be understood \(it lacks '{key}'\)"
    ):
        after(Progress(), found)


def test_what_was_published_again_moves_nothing_so_only_the_register_of_decisions_needs_it() -> None:
    found = without("republished", "count")
    assert after(Progress(last_batch=4), found) == Progress(last_batch=4)
    with pytest.raises(TableDamaged, match="the row REPUBLISHED of batch 4 cannot be understood"):
        decisions_in([found])
    with pytest.raises(TableDamaged, match="the row LOSS of batch 4 cannot be understood"):
        losses_in([without("lost", "losses")])


@pytest.mark.parametrize("key", ["rules", "output_topic_id", "output_starts", "table_ids", "nonce"])
def test_a_plan_without_what_it_needs_keeps_its_ranges_and_says_why(key: str) -> None:
    found = without("planned", key)
    assert isinstance(found, Planned)
    assert (found.plan.trouble, found.plan.ranges, found.batch) == (f"it lacks '{key}'", RANGES, 5)
    assert (found.definition is None) == (key in ("rules", "output_topic_id"))
    assert isinstance(found.outset, KeyError) == (key in ("output_starts", "table_ids"))
    assert after(Progress(), found).unfinished == found.plan


@pytest.mark.parametrize("text", ["{torn", "[1]", ""])
@pytest.mark.parametrize("name", ["abandoned", "adopted", "done"])
def test_what_moves_the_ends_is_read_by_its_columns_where_its_details_are_none(name: str, text: str) -> None:
    bare = row_of({**columns(name), "details": text})
    assert type(bare) is type(ROWS[name])
    assert after(Progress(), bare).ends == after(Progress(), ROWS[name]).ends


def test_a_signature_that_cannot_be_read_is_nobodys() -> None:
    for by in ("anna", {"user": "anna"}, None):
        assert stored_row("ABANDONED", {"by": by}).by is None
    found = stored_row("ABANDONED", {"by": {"user": "anna", "host": "edge1", "shoe_size": 38}}).by
    assert found == Signature("anna", "edge1", "")


def test_a_plan_keeps_the_shapes_of_its_messages_and_one_without_stores_nothing_of_them() -> None:
    shapes = ('{"ts":null,"b":null,"a":null}', '{"a":null}')
    found = row_of(columns_of(planned(replace(PLAN, shapes=shapes), "run 7", AT, BY)))
    assert isinstance(found, Planned)
    assert (found.plan.trouble, found.plan.shapes) == (None, shapes)
    assert "shapes" not in json.loads(columns_of(ROWS["planned"])["details"])

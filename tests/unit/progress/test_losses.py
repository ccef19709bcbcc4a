"""The register of losses, from the rows that decisions left."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from spark_jobs.base.signature import OPERATOR, signature
from spark_jobs.beginning.guessed_times import rules_for
from spark_jobs.progress.ledger import LedgerRow
from spark_jobs.progress.losses import decisions_in, losses_in
from spark_jobs.progress.offsets import OffsetRange
from tests.ledger_rows import stored_row

AT = datetime(2026, 1, 2, tzinfo=UTC)
BY = {"by": {"user": "anna", "host": "edge1", "run_id": "run 7"}}
DEFINITION = {"rules": rules_for("iso8601", AT).model_dump(mode="json"), "output_topic_id": "id-1"}


def row(state: str, details: Mapping[str, Any], *ranges: OffsetRange) -> LedgerRow:
    return stored_row(state, details, batch=4, run_id="run 7", at=AT, ranges=ranges)


def test_each_lost_partition_is_an_entry_with_who_when_and_how_much() -> None:
    losses = [
        {"partition": 0, "from": 5, "to": 9, "count": 4, "cause": "retention"},
        {"partition": 2, "from": 30, "to": 12, "count": 18, "cause": "truncated"},
    ]
    found = losses_in([row("PLANNED", {}), row("LOSS", {"losses": losses, "resume": {"0": 9, "2": 12}, **BY}), row("DONE", {})])
    assert [(one.partition, one.start, one.end, one.count, one.cause) for one in found] == [
        (0, 5, 9, 4, "retention"),
        (2, 12, 30, 18, "truncated"),
    ]
    assert {(one.at, one.who, one.run_id, one.batch, one.state) for one in found} == {(AT, "anna@edge1", "run 7", 4, "LOSS")}


def test_an_adopted_topic_says_what_of_the_old_one_was_left_unread_as_far_as_known() -> None:
    details = {"before": "old", "ends_before": {"0": 5, "1": 8}, "known_until": {"0": 9}, **BY}
    found = losses_in([row("ADOPTED", details, OffsetRange(0, 0, 0), OffsetRange(1, 0, 0), OffsetRange(2, 0, 0))])
    assert [(one.partition, one.start, one.end, one.count) for one in found] == [
        (0, 5, 9, 4),
        (1, 8, None, None),
        (2, None, None, None),
    ]
    assert {one.cause for one in found} == {"topic created again, was old"}


def test_a_place_remembered_by_a_first_run_is_listed_as_such() -> None:
    (found,) = losses_in([row("ADOPTED", {"start": "latest"}, OffsetRange(0, 7, 7))])
    assert (found.cause, found.who, found.count) == ("first run began at latest", "-", None)


def test_changed_settings_and_averages_published_again_are_listed_in_words() -> None:
    changes = [{"setting": "input.value.field", "before": "voltage", "now": "watts"}]
    again = {"count": 31, "output_topic": "daily", "output_topic_id": "id-1", "republished": "now", **BY}
    found = decisions_in(
        [
            row("REDEFINED", {**DEFINITION, "changes": changes, "confirmed": [], **BY}),
            row("REDEFINED", {**DEFINITION, "changes": [], "confirmed": [2, 3], **BY}),
            row("REPUBLISHED", {**again, "days": ["2026-03-01", "2026-03-31"]}),
            row("REPUBLISHED", {**again, "days": None}),
            row("DONE", {}),
        ]
    )
    assert [one.what for one in found] == [
        "input.value.field: voltage so far, watts now",
        "changes before, from batch 2, 3 on, were meant",
        "31 averages published again to daily, days 2026-03-01 to 2026-03-31",
        "31 averages published again to daily, all days",
    ]
    assert {(one.at, one.who, one.run_id, one.batch) for one in found} == {(AT, "anna@edge1", "run 7", 4)}


@pytest.mark.parametrize(
    ("triggered_by", "who"), [(None, "anna@edge1"), ("berta", "berta (anna@edge1)")], ids=["by hand", "by a scheduler"]
)
def test_who_triggered_the_run_comes_first(triggered_by: str | None, who: str) -> None:
    by = {**BY["by"], **({"triggered_by": triggered_by} if triggered_by else {})}
    (found,) = losses_in([row("ADOPTED", {"by": by}, OffsetRange(0, 0, 0))])
    assert found.who == who


def test_a_signature_names_user_host_and_run_and_who_asked_if_another_did() -> None:
    signed = signature("run 7", {})
    assert set(signed.stored) == {"user", "host", "run_id"}
    assert all(signed.stored.values())
    assert signature("run 7", {OPERATOR: " berta "}).stored == {**signed.stored, "triggered_by": "berta"}
    assert signature("run 7", {OPERATOR: " "}) == signed

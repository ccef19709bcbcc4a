"""Whatever somebody else wrote is printed as text: in every table, every sentence, every line of a log, and exact in JSON."""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
from rich.console import RenderableType

from spark_jobs.answers.reports import decisions_table, losses_report, losses_table, plan_table, status_report, status_table
from spark_jobs.answers.status import PartitionStatus, Status
from spark_jobs.audit.findings import Difference
from spark_jobs.audit.reconcile import Audit
from spark_jobs.audit.report import audit_report, audit_table
from spark_jobs.base.lock import hold_lock, lock_owner
from spark_jobs.base.log_lines import PlainLines
from spark_jobs.base.wording import printable
from spark_jobs.beginning.guessed_times import rules_for
from spark_jobs.beginning.sample import Judged, Sample, sample_table
from spark_jobs.beginning.some_messages import Message
from spark_jobs.local.demo.report import Sheet, html_table, on_terminal
from spark_jobs.maintenance.maintain import Maintenance
from spark_jobs.maintenance.report import maintenance_table
from spark_jobs.outlook.planning import PartitionPreview, Preview
from spark_jobs.outlook.watch import UNKNOWN_RETENTION
from spark_jobs.progress.drift import GroupVerdict
from spark_jobs.progress.losses import DecisionEntry, LossEntry
from spark_jobs.readings.judging import judge_message
from tests.ledger_rows import done_row
from tests.nasty import NASTY, hidden_in
from tests.typed import text_of, type_in

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
RULES = rules_for("iso8601", NOW)


def nasty(text: str) -> Status:
    one = PartitionStatus(0, 1, 1, 0, 2, 2, 1, None, None, GroupVerdict("moved", "group", text))
    done = done_row(12, run_id=text, at=NOW - timedelta(hours=3))
    return Status("p", text, NOW, 12, done, None, f"run {text}", UNKNOWN_RETENTION, (one,), ())


def audited(text: str) -> Audit:
    return Audit("p", False, 1, 0, f"run {text}", (), (Difference(text, text),), (text,))


def sampled(text: str) -> Sample:
    message = Message(0, 1, text.encode(errors="surrogatepass"), None)
    return Sample(RULES, 0.01, (Judged(message, judge_message(message.value, RULES)),))


TABLES: dict[str, Callable[[str], RenderableType]] = {
    "status": lambda text: status_table(nasty(text)),
    "plan": lambda text: plan_table(text, Preview(1, False, True, (PartitionPreview(0, 0, 9, True, 0),), ())),
    "losses": lambda text: losses_table("p", [LossEntry(NOW, "LOSS", text, text, 12, 3, 100, 250, 150, text)]),
    "decisions": lambda text: decisions_table("p", [DecisionEntry(NOW, "REDEFINED", text, text, 12, text)]),
    "audit": lambda text: audit_table(audited(text)),
    "maintain": lambda text: maintenance_table(Maintenance(text, False, None, None, ())),
    "sample": lambda text: sample_table(text, sampled(text), 200),
    "demo": lambda text: on_terminal(Sheet(text, (text,), [(text,)], frozenset({text}))),
}


@pytest.mark.proves("F201")
@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_show_it_as_text(table: Callable[[str], RenderableType], text: str, width: int) -> None:
    shown = text_of(table(text), width)
    assert hidden_in(shown) == []
    assert width == 80 or printable(text).strip() in shown, "where there is room all of it is in one piece"


@pytest.mark.proves("F201")
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_json_has_it_exactly_as_it_was_written(text: str) -> None:
    entry = LossEntry(NOW, "LOSS", text, text, 12, 3, 100, 250, 150, text)
    decided = DecisionEntry(NOW, "REDEFINED", text, text, 12, text)
    reports = {
        "losses": losses_report([entry], [decided]),
        "status": status_report(nasty(text)),
        "audit": audit_report(audited(text)),
    }
    back = json.loads(json.dumps(reports, indent=2, default=str).encode())
    assert back["losses"]["losses"][0]["run_id"] == back["losses"]["decisions"][0]["what"] == text
    assert (back["status"]["topic"], back["status"]["owner"]) == (text, f"run {text}")
    assert (back["audit"]["owner"], back["audit"]["differences"][0]["sentence"]) == (f"run {text}", text)


@pytest.mark.proves("F201", "F202")
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_log_has_no_line_that_it_made_and_no_colour(text: str) -> None:
    error = RuntimeError(text)
    record = logging.LogRecord("dayfold", logging.INFO, "", 0, "run %s begins", (text,), (RuntimeError, error, None))
    first, *others = PlainLines("%(asctime)s %(message)s", datefmt="%H:%M:%S").format(record).split("\n")
    assert hidden_in("".join([first, *others])) == []
    assert re.match(r"\d\d:\d\d:\d\d run ", first)
    assert [line for line in others if not line.startswith("  ")] == []


@pytest.mark.proves("F201")
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_the_page_of_the_demo_shows_it_as_text(text: str) -> None:
    page = html_table(Sheet("", ("what",), [(text,)]))
    assert hidden_in(page) == []
    assert escape(printable(text)) in page


@pytest.mark.proves("F201")
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_the_owner_of_a_lock_has_one_line(tmp_path: Path, text: str) -> None:
    with hold_lock(tmp_path / "p.lock", pipeline="p", run_id=text):
        owner = lock_owner(tmp_path / "p.lock")
    assert owner is not None
    assert owner.startswith(f"run {printable(text)} (process ")


@pytest.mark.proves("F201", "F202")
def test_a_command_prints_what_was_typed_as_text() -> None:
    done = type_in("losses", "p\n12:00:00 done \x1b[31m[/y].yaml")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.splitlines() == [
        *("dayfold: cannot read the pipeline file p", "  12:00:00 done \\x1b[31m[/y].yaml: No such file or directory")
    ]

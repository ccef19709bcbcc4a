"""Rows of the checkpoints of a pipeline that declares aggregates: each batch reads ten offsets of one partition."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from spark_jobs.pipeline.rules import DeclaredRules
from spark_jobs.pipeline.settings import load_pipeline
from spark_jobs.progress.counts import Counts
from spark_jobs.progress.ledger import Abandoned, LedgerRow, planned
from spark_jobs.progress.offsets import Plan, Rebuild
from tests.declared.examples import EXAMPLES, FOLDER
from tests.ledger_rows import done_row
from tests.plans import plan_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = 10


def rules(*aggregates: str) -> DeclaredRules:
    """Those of the example of advertising, with these of its aggregates."""
    found = load_pipeline(FOLDER / EXAMPLES["ads"].file).rules(NOW)
    assert isinstance(found, DeclaredRules)
    return found.model_copy(update={"aggregates": tuple(one for one in found.aggregates if one.name in aggregates)})


def plan(batch: int, *aggregates: str, start: int = 0, rebuild: Rebuild | None = None) -> Plan:
    return plan_of(batch, (0, start, start if rebuild else start + SPAN), rules=rules(*aggregates), rebuild=rebuild)


def rows(accepted: Mapping[int, int], plans: Sequence[Plan]) -> list[LedgerRow]:
    """Each plan, and the end of its batch: DONE with so many accepted, abandoned if it is not there."""
    found: list[LedgerRow] = []
    for one in plans:
        count = accepted.get(one.batch)
        found.append(planned(one, "run", NOW))
        if count is None:
            found.append(Abandoned(batch=one.batch, run_id="run", at=NOW, topic_id="topic-1", ranges=one.ranges))
            continue
        counts = Counts(0, one.span, count, one.span - count, 0)
        found.append(done_row(one.batch, ranges=one.ranges, counts=(counts,), rebuild=one.rebuild))
    return found

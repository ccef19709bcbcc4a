"""A plan as a run stores it before it reads: only what a test is about has to be given."""

from typing import Any

from spark_jobs.progress.offsets import OffsetRange, Plan
from tests.parsing_rules import RULES


def plan_of(batch: int, *ranges: tuple[int, int, int], **facts: Any) -> Plan:
    """The plan of a batch with these ranges, each a partition, its start and its end."""
    known = {
        **{"topic_id": "topic-1", "rules": RULES, "output_topic_id": "topic-2", "output_starts": {0: 7}},
        **{"table_ids": {"records": "id"}, "nonce": "0123456789abcdef"},
    }
    return Plan(batch=batch, ranges=tuple(OffsetRange(*one) for one in ranges), **{**known, **facts})

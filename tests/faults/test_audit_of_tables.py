"""Whatever is tampered with in a table is found by an audit and named; each case tampers with a copy of one history's tables."""

from pathlib import Path

import pytest

from tests.faults.audited import audited, told
from tests.faults.tampering import (
    Tamper,
    create_anew,
    cut,
    damage_file,
    damage_newest_commit,
    delete,
    double,
    half,
    overwrite,
    remove,
    set_property,
    tampered,
    update,
)
from tests.world import World

pytestmark = [pytest.mark.group("DF"), pytest.mark.proves("F96", "F97"), pytest.mark.xdist_group("audit")]

TABLES = ("checkpoints", "records", "contributions", "daily_averages")

TAMPERED: dict[str, tuple[Tamper, str, str]] = {
    "a record deleted": (delete("records", 'batch = 1 AND partition = 0 AND "offset" = 2'), "table records", "holds 5 records"),
    "all records of a file deleted": (
        delete("records", "batch = 2 AND partition = 0"),
        "table records",
        "batch 2, partition 0 holds 0",
    ),
    "all records deleted": (delete("records", "true"), "table records", "batch 1, partition 1 holds 0"),
    "a record doubled": (double("records", lambda row: row["batch"] == 3), "table records", "batch 3"),
    "a record of an abandoned batch": (
        update("records", 'batch = 5 AND "offset" = 1', batch="4"),
        "table records",
        "batch 4, which was abandoned",
    ),
    "a record of an unknown batch": (
        update("records", 'batch = 5 AND "offset" = 1', batch="99"),
        "table records",
        "batch 99, which the checkpoints do not know",
    ),
    "a record outside the range": (
        update("records", 'batch = 5 AND "offset" = 1', offset="77"),
        "table records",
        "holds offsets 0 to 77, its range is 0 to 4",
    ),
    "a reading made rejected": (
        update("records", 'batch = 1 AND partition = 0 AND "offset" = 2', rejected_because="'NOT_JSON'"),
        "table records",
        "holds 6 records (5 accepted)",
    ),
    "a contribution deleted": (
        delete("contributions", "batch = 1 AND partition = 0 AND date = '2006-12-16'"),
        "table contributions",
        "batch 1, partition 0 counts 2 readings",
    ),
    "a contribution doubled": (
        double("contributions", lambda row: row["batch"] == 2),
        "table contributions",
        "is there 2 times",
    ),
    "a contribution's sum changed": (
        update("contributions", "batch = 1 AND partition = 1", value_sum="value_sum + 1"),
        "table contributions",
        "partition 1, 2006-12-16",
    ),
    "a contribution's least value changed to more than its greatest": (
        update("contributions", "batch = 7", value_min="value_max + 1"),
        "table contributions",
        "no readings add up to value_sum",
    ),
    "a contribution's count changed": (
        update("contributions", "batch = 1 AND partition = 1", value_count="value_count + 1"),
        "table contributions",
        "batch 1, partition 1 counts 4 readings",
    ),
    "a contribution of an unknown batch": (
        update("contributions", "batch = 7", batch="8"),
        "table contributions",
        "batch 8, which the checkpoints do not know",
    ),
    "a contribution without a sum": (
        update("contributions", "batch = 7", value_sum="NULL"),
        "table contributions",
        "nothing that can be reckoned with",
    ),
    "an average deleted": (
        delete("daily_averages", "partition = 1 AND date = '2006-12-16'"),
        "table daily_averages",
        "partition 1, 2006-12-16 is missing",
    ),
    "all averages deleted": (delete("daily_averages", "true"), "table daily_averages", "partition 0, 2006-12-16 is missing"),
    "an average doubled": (double("daily_averages", lambda _: True), "table daily_averages", "is there 2 times"),
    "an average invented": (
        update("daily_averages", "date = '2006-12-18'", date="'2007-12-18'"),
        "table daily_averages",
        "2007-12-18 is there, contributions have nothing of it",
    ),
    **{
        f"an average's {column} changed": (
            update("daily_averages", "partition = 0 AND date = '2006-12-16'", **{column: f"{column} + 1"}),
            "table daily_averages",
            f"partition 0, 2006-12-16 holds {column}",
        )
        for column in ("value_sum", "value_count", "value_min", "value_max", "average", "revision", "batch")
    },
    "a DONE row deleted": (delete("checkpoints", "batch = 2 AND state = 'DONE'"), "table checkpoints", "row 4 of 16 is missing"),
    "the last DONE row deleted": (
        delete("checkpoints", "batch = 7 AND state = 'DONE'"),
        "table checkpoints",
        "row 16 of 16 is missing",
    ),
    "a LOSS row deleted": (delete("checkpoints", "state = 'LOSS'"), "table checkpoints", "begins partition 0 at 12"),
    "an ABANDONED row deleted": (delete("checkpoints", "state = 'ABANDONED'"), "table checkpoints", "batch 4 has neither a DONE"),
    "an ADOPTED row deleted": (delete("checkpoints", "state = 'ADOPTED'"), "table checkpoints", "was planned on topic id"),
    "a row of the log doubled": (
        double("checkpoints", lambda row: row["state"] == "DONE"),
        "table checkpoints",
        "more than once",
    ),
    "a row of the log garbled": (
        update("checkpoints", "sequence = 1", details="'{'"),
        "table checkpoints",
        "does not hold what such a row holds",
    ),
    "a row of the log without its details": (
        update("checkpoints", "sequence = 1", details="'{}'"),
        "table checkpoints",
        "does not hold what such a row holds",
    ),
    "the newest plan without its details": (
        update("checkpoints", "batch = 7 AND state = 'PLANNED'", details="'{}'"),
        "table checkpoints",
        "does not hold what such a row holds",
    ),
    "counts that do not add up": (
        update("checkpoints", "sequence = 2", counts="[]"),
        "table checkpoints",
        "the counts of batch 1, partition 0 do not add up",
    ),
    **{
        f"{table}: {name} set": (set_property(table, name, value), f"table {table}", name)
        for table in TABLES
        for name, value in (("delta.setTransactionRetentionDuration", "interval 7 days"), ("delta.enableDeletionVectors", "true"))
    },
    **{
        f"{table}: {name}": (tamper(table), f"table {table}", words)
        for table in TABLES
        for name, tamper, words in (
            ("a file missing", lambda table: damage_file(table, Path.unlink), "is missing"),
            ("a file cut", lambda table: damage_file(table, cut), "bytes"),
            ("the newest commit torn", lambda table: damage_newest_commit(table, half), "its log cannot be read"),
            (
                "the newest commit empty",
                lambda table: damage_newest_commit(table, lambda _: b""),
                "is empty (a power cut does that)",
            ),
            ("the table gone", remove, "missing"),
        )
    },
    **{
        f"{table}: a file overwritten": (damage_file(table, overwrite), f"table {table}", "cannot be read")
        for table in ("checkpoints", "contributions", "daily_averages")
    },
    **{
        f"{table}: created again": (create_anew(table), f"table {table}", "dropped and created again")
        for table in ("records", "contributions", "daily_averages")
    },
}


@pytest.mark.parametrize("name", TAMPERED)
def test_whatever_is_tampered_with_is_found_and_named(history: World, tmp_path: Path, name: str) -> None:
    tamper, where, words = TAMPERED[name]
    found = audited(history, tampered(history, tmp_path, tamper))
    assert where in {one.where for one in found.differences}, told(found)
    assert words in told(found)


DEEP: dict[str, tuple[Tamper, str, str]] = {
    "a value changed": (
        update("records", 'batch = 1 AND partition = 0 AND "offset" = 2', value="value + 1"),
        "table records",
        "batch 1, partition 0, 2006-12-16: value_sum",
    ),
    "a day changed": (
        update("records", 'batch = 1 AND partition = 0 AND "offset" = 2', date="'2006-12-17'"),
        "table records",
        "batch 1, partition 0, 2006-12-16: value_sum",
    ),
    "an offset twice and another gone": (
        update("records", 'batch = 7 AND "offset" = 3', offset="2"),
        "table records",
        "1 row repeats an offset (offset 2)",
    ),
    "a rejected row without a reason": (
        update("records", "batch = 1 AND rejected_because = 'TOMBSTONE'", rejected_because="''"),
        "table records",
        "is rejected without a reason",
    ),
    "a rejected row with a value": (
        update("records", "batch = 1 AND rejected_because = 'TOMBSTONE'", value="1"),
        "table records",
        "is rejected but has a date or a value",
    ),
    "an accepted row without a time": (
        update("records", 'batch = 1 AND partition = 0 AND "offset" = 2', event_time="NULL"),
        "table records",
        "is accepted but has no event time",
    ),
    "a least value of a contribution changed": (
        update("contributions", "batch = 1 AND partition = 0", value_min="value_min - 1"),
        "table contributions",
        "value_min",
    ),
    "a file overwritten": (damage_file("records", overwrite), "table records", "cannot be read"),
}


@pytest.mark.parametrize("name", DEEP)
def test_what_only_the_rows_tell_is_found_by_a_deep_audit(history: World, tmp_path: Path, name: str) -> None:
    tamper, where, words = DEEP[name]
    found = audited(history, tampered(history, tmp_path, tamper), deep=True)
    assert {one.where for one in found.differences} == {where}, told(found)
    assert words in told(found)

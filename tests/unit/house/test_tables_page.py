"""`docs/tables.md` describes the tables that are really made."""

import pyarrow as pa

from spark_jobs.progress.ledger import KINDS
from spark_jobs.readings.message_formats import Rejection
from tests.daily_tables import SCHEMAS
from tests.tables_page import described_columns, described_words

NAMES = {pa.int32(): "int", pa.int64(): "long", pa.string(): "string", pa.binary(): "binary", pa.date32(): "date"}


def name_of(type_: pa.DataType) -> str:
    """The type as Delta and Spark call it."""
    if pa.types.is_list(type_):
        return f"array<{name_of(type_.value_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{', '.join(f'{field.name} {name_of(field.type)}' for field in type_)}>"
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    return "timestamp" if pa.types.is_timestamp(type_) else NAMES[type_]


def test_every_column_is_described_with_its_type_in_its_order() -> None:
    described = {name: [(one.name, one.type) for one in columns] for name, columns in described_columns().items()}
    assert described == {name: [(field.name, name_of(field.type)) for field in schema] for name, schema in SCHEMAS.items()}


def test_what_a_table_refuses_to_leave_empty_is_said_to_be_never_null() -> None:
    required = {(name, field.name) for name, schema in SCHEMAS.items() for field in schema if not field.nullable}
    never = {(name, one.name) for name, columns in described_columns().items() for one in columns if one.null == "never"}
    assert required
    assert required <= never


def test_every_reason_of_a_rejection_is_told_in_its_own_words() -> None:
    assert described_words("rejected_because") == {reason.value: reason.meaning for reason in Rejection}


def test_every_state_of_the_log_is_told() -> None:
    assert list(described_words("state")) == list(KINDS)

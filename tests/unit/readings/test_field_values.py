"""What fields of messages are, by type and place; each wrong one is a reason that names the field."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from spark_jobs.pipeline.declared import FieldSettings
from spark_jobs.pipeline.record_rules import RecordRules, record_rules
from spark_jobs.pipeline.rules import TimeRules
from spark_jobs.readings.field_values import BadField, field_values
from spark_jobs.readings.strict_objects import strict_object

TIMES = TimeRules(
    time_field="ts",
    time_format="iso8601",
    timezone="Europe/Zurich",
    earliest=datetime(2020, 1, 1, tzinfo=UTC),
    latest=datetime(2030, 1, 1, tzinfo=UTC),
)


def rules_of(**fields: Any) -> RecordRules:
    return record_rules({name: FieldSettings.model_validate(one) for name, one in fields.items()}, {}, None, "UTC")


def read(field: dict[str, Any], message: str, key: bytes | None = None, headers: Any = ()) -> Any:
    found = field_values(rules_of(f=field).fields, TIMES, strict_object(message.encode()), key, headers)
    return found["f"]


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ({"type": "string"}, '"mail"', "mail"),
        ({"type": "string"}, "\"\\u0000 \\ud83d\\ude00 'quoted'\"", "\x00 \U0001f600 'quoted'"),
        ({"type": "string"}, f'"{"x" * 256}"', "x" * 256),
        ({"type": "string", "allow_empty": True}, '""', ""),
        ({"type": "string", "one_of": ["a", "b"]}, '"b"', "b"),
        ({"type": "long"}, "12", 12),
        ({"type": "long"}, '"-12"', -12),
        ({"type": "long"}, "-0", 0),
        ({"type": "long"}, str(2**63 - 1), 2**63 - 1),
        ({"type": "long"}, str(-(2**63)), -(2**63)),
        ({"type": "decimal(12,2)"}, "1.005", Decimal("1.01")),
        ({"type": "decimal(12,2)"}, '"-1e2"', Decimal("-100.00")),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "date"}, '"2024-02-29"', date(2024, 2, 29)),
        ({"type": "timestamp"}, '"2024-02-29T12:00:00Z"', datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ({"type": "timestamp"}, '"1995-07-01T12:00:00"', datetime(1995, 7, 1, 10, tzinfo=UTC)),
    ],
)
def test_what_fits_is_read_exactly(field: dict[str, Any], written: str, value: Any) -> None:
    found = read(field, f'{{"f": {written}}}')
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "written", "reason"),
    [
        ({"type": "string"}, "1", "BAD_STRING:f"),
        ({"type": "string"}, "true", "BAD_STRING:f"),
        ({"type": "string"}, "[]", "BAD_STRING:f"),
        ({"type": "string"}, '""', "BAD_STRING:f"),
        ({"type": "string"}, f'"{"x" * 257}"', "TOO_LONG:f"),
        ({"type": "string"}, '"' + "\u00e9" * 129 + '"', "TOO_LONG:f"),
        ({"type": "string", "one_of": ["a", "b"]}, '"B"', "NOT_IN_LIST:f"),
        ({"type": "string"}, "null", "MISSING_FIELD:f"),
        ({"type": "long"}, "1.0", "BAD_LONG:f"),
        ({"type": "long"}, "1e3", "BAD_LONG:f"),
        ({"type": "long"}, str(2**63), "BAD_LONG:f"),
        ({"type": "long"}, '" 1"', "BAD_LONG:f"),
        ({"type": "long"}, '"01"', "BAD_LONG:f"),
        ({"type": "long"}, "true", "BAD_LONG:f"),
        ({"type": "decimal(4,2)"}, "100", "NUMBER_OUT_OF_RANGE:f"),
        ({"type": "decimal(4,2)", "excess_digits": "reject"}, "1.001", "EXCESS_DIGITS:f"),
        ({"type": "decimal(4,2)"}, '"NaN"', "NOT_FINITE:f"),
        ({"type": "decimal(4,2)"}, '"1,5"', "BAD_NUMBER:f"),
        ({"type": "boolean"}, '"true"', "BAD_BOOLEAN:f"),
        ({"type": "boolean"}, "1", "BAD_BOOLEAN:f"),
        ({"type": "date"}, '"2023-02-29"', "BAD_DATE:f"),
        ({"type": "date"}, '"2023-2-1"', "BAD_DATE:f"),
        ({"type": "date"}, "20230201", "BAD_DATE:f"),
        ({"type": "timestamp"}, '"29/02/2024"', "BAD_TIMESTAMP:f"),
        ({"type": "timestamp"}, "17", "BAD_TIMESTAMP:f"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_what_does_not_fit_is_a_reason_also_where_the_field_may_be_missing(
    field: dict[str, Any], written: str, reason: str, required: bool
) -> None:
    if written == "null" and not required:
        assert read(field | {"required": False}, '{"f": null}') is None
        return
    with pytest.raises(BadField) as raised:
        read(field | {"required": required}, f'{{"f": {written}}}')
    assert raised.value.reason == reason


def test_a_path_leads_through_objects_and_not_through_arrays() -> None:
    field = {"type": "string", "path": "user.id"}
    assert read(field, '{"user": {"id": "u1"}}') == "u1"
    assert read(field, '{"user.id": "literal", "user": {"id": "u1"}}') == "literal"
    for message in ('{"user": [{"id": "u1"}]}', '{"user": "u1"}', '{"user": {}}', "{}"):
        with pytest.raises(BadField, match="MISSING_FIELD:f"):
            read(field, message)


def test_a_key_or_a_header_is_a_field() -> None:
    assert read({"key": "string"}, "{}", b"caf\xc3\xa9") == "caf\u00e9"
    assert read({"key": "binary"}, "{}", b"\xff\x00") == b"\xff\x00"
    assert read({"header": "h", "type": "long"}, "{}", None, [("h", b"1"), ("h", b"2")]) == 2
    assert read({"header": "h", "type": "boolean"}, "{}", None, [("h", b"true")]) is True
    with pytest.raises(BadField, match="BAD_STRING:f"):
        read({"key": "string"}, "{}", b"\xff")
    with pytest.raises(BadField, match="MISSING_FIELD:f"):
        read({"key": "string"}, "{}", None)
    with pytest.raises(BadField, match="TOO_LONG:f"):
        read({"key": "binary"}, "{}", b"x" * 257)
    with pytest.raises(BadField, match="MISSING_FIELD:f"):
        read({"header": "h"}, "{}", b"k", [("other", b"1")])


def test_the_first_field_of_the_file_that_does_not_fit_is_the_reason() -> None:
    rules = rules_of(a={"type": "long"}, b={"type": "long"})
    with pytest.raises(BadField, match="BAD_LONG:b"):
        field_values(rules.fields, TIMES, {"a": "1", "b": "x"}, None)
    with pytest.raises(BadField, match="MISSING_FIELD:a"):
        field_values(rules.fields, TIMES, {"b": "x"}, None)


def test_derived_fields_may_read_those_before_them_and_where_reads_all() -> None:
    from spark_jobs.pipeline.declared import DerivedSettings

    fields = {"cost": FieldSettings(type="decimal(12,6)", required=False)}
    derived = {
        "net": DerivedSettings(sql="cost * 0.9", type="decimal(12,6)"),
        "is_big": DerivedSettings(sql="net > 100", type="boolean"),
    }
    rules = record_rules(fields, derived, "is_big or net is null", "UTC")
    assert [(one.name, one.reads) for one in rules.derived] == [("net", ("cost",)), ("is_big", ("net",))]
    assert rules.where is not None
    assert rules.where.reads == ("is_big", "net")
    assert RecordRules.model_validate(rules.model_dump(mode="json")) == rules
    with pytest.raises(ValueError, match=r"input\.derived\.net\.sql: there is no field is_big"):
        record_rules(fields, {"net": DerivedSettings(sql="is_big", type="boolean")}, None, "UTC")
    with pytest.raises(ValueError, match=r"input\.where: .* expected a condition"):
        record_rules(fields, derived, "net", "UTC")

"""Shapes: learned from messages, merged where their orders fit, and made into regular expressions."""

import re
from collections.abc import Mapping

import pytest

from spark_jobs.readings.shapes import MOST_NAMES, MOST_SHAPES, ShapeField, ShapeForm, learned_shapes, shape_form

CHANNEL = ShapeField("channel", "text", required=True)
USER = ShapeField("user.id", "text", required=True)
COST = ShapeField("cost", "number", required=False)
NEW = ShapeField("new", "boolean", required=False)
FIELDS = {"channel": CHANNEL, "user": USER, "cost": COST, "new": NEW}
MESSAGE = b'{"at": 1, "channel": "mail", "user": {"name": "x", "id": "u"}, "cost": 1.5, "new": true}'


def formed(*messages: bytes, fields: Mapping[str, ShapeField] = FIELDS) -> ShapeForm:
    form = shape_form(learned_shapes(messages), fields)
    assert form is not None
    return form


def texts(form: ShapeForm, message: str) -> list[str] | None:
    """As Java finds them: here its quotes are Python's escapes, and what did not match is empty in both."""
    regex = re.sub(r"\\Q(.*?)\\E", lambda quoted: re.escape(quoted[1]), form.regex).replace(r"\z", r"\Z")
    found = re.match(regex, message)
    if found is None:
        return None
    return ["".join(found[int(number)] or "" for number in part.split("$")[1:]) for part in form.replacement.split("\x01")[1:]]


def test_a_shape_is_the_names_of_a_message_in_their_order() -> None:
    assert learned_shapes([MESSAGE]) == ('{"at":null,"channel":null,"user":{"name":null,"id":null},"cost":null,"new":null}',)


def test_names_that_fit_into_one_order_make_one_shape() -> None:
    found = learned_shapes([b'{"a": 1, "c": {"x": 1}}', b'{"a": 1, "b": 2, "c": {"w": 0, "x": 2}}', b'{"b": 1, "d": 2}'])
    assert found == ('{"a":null,"b":null,"d":null,"c":{"w":null,"x":null}}',)


def test_other_orders_are_other_shapes_and_the_most_frequent_come_first() -> None:
    messages = [
        b'{"a": 1, "b": 2}',
        *[b'{"b": 1, "a": 2}'] * 2,
        b'{"a": {"b": 1}}',
        b'{"b": {"c": 1}, "a": 1}',
        b'{"c": 1, "b": {"a": 2}, "a": 2}',
    ]
    found = learned_shapes(messages)
    assert found[0] == '{"b":null,"a":null}'
    assert len(found) == MOST_SHAPES


@pytest.mark.parametrize(
    "message",
    [
        None,
        b"",
        b"[1]",
        b"{}",
        b'{"a": [1]}',
        b'{"a": {}}',
        b'{"a": 1, "a": 2}',
        b'{"a\\u0041": 1, "b\\n": 2}',
        b"\xff",
        b'{"a": 1} x',
    ],
)
def test_messages_without_a_shape_teach_nothing(message: bytes | None) -> None:
    assert learned_shapes([message]) == ()


def test_more_names_than_a_regular_expression_should_have_are_no_shape() -> None:
    def message(first: int, last: int) -> bytes:
        return ("{" + ", ".join(f'"n{number}": 1' for number in range(first, last)) + "}").encode()

    assert learned_shapes([message(0, MOST_NAMES + 1)]) == ()
    assert len(learned_shapes([message(0, MOST_NAMES), message(MOST_NAMES, MOST_NAMES + 1)])) == 2


def test_a_match_has_the_texts_of_the_fields_in_their_order() -> None:
    form = formed(MESSAGE)
    assert texts(form, MESSAGE.decode()) == ["mail", "u", "1.5", "true"]
    assert texts(form, MESSAGE.decode().replace(" ", "") + "\r\n") == ["mail", "u", "1.5", "true"]
    assert texts(form, '{"at":"x","channel":"","user":{"name":null,"id":"\u00fc"},"cost":"1e5"}') == [
        "",
        "\u00fc",
        "1e5",
        "",
    ]
    assert texts(form, '{"at":1,"channel":"m","user":{"name":1,"id":"u"},"cost":null,"new":false}') == ["m", "u", "", "false"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"mail"', '"ma\\"il"'),
        ('"mail"', '"ma\til"'),
        ('"mail"', "5"),
        ('"mail"', "null"),
        ('"channel": "mail", ', ""),
        ('"at": 1, ', ""),
        ("1.5", "01.5"),
        ("1.5", ".5"),
        ("1.5", "NaN"),
        ("1.5", '""'),
        ("1.5", '"1.5'),
        ("1.5", "[1.5]"),
        ("true", "True"),
        ('"new": true', '"new": true, "new": true'),
        ('"new": true', '"other": true'),
        ('"at": 1, "channel": "mail"', '"channel": "mail", "at": 1'),
        ('"id": "u"', '"id": {"id": "u"}'),
        ('"channel"', '"chan\\u006eel"'),
        ("}", ""),
        ("{", "{{"),
        ("{", " {"),
        ('"at": 1', '"at": 1,'),
    ],
)
def test_what_is_written_otherwise_matches_no_shape(before: str, after: str) -> None:
    message = MESSAGE.decode()
    assert before in message
    assert texts(formed(MESSAGE), message.replace(before, after, 1)) is None


def test_several_shapes_are_one_regular_expression() -> None:
    form = formed(MESSAGE, b'{"new": false, "user": {"id": "u"}, "channel": "c"}')
    assert texts(form, '{"new":true,"user":{"id":"a"},"channel":"b"}') == ["b", "a", "", "true"]
    assert texts(form, MESSAGE.decode()) == ["mail", "u", "1.5", "true"]


def test_quotes_are_kept_where_a_time_is_known_by_them() -> None:
    fields = {"at": ShapeField("at", "token", required=True), "day": ShapeField("day", "text", required=True)}
    form = formed(b'{"at": 1, "day": "2026"}', fields=fields)
    assert texts(form, '{"at": 1, "day": "2026"}') == ["1", "2026"]
    assert texts(form, '{"at": "1", "day": "2026"}') == ['"1"', "2026"]


def test_a_text_that_is_written_as_most_are_has_a_column_of_its_own() -> None:
    cost = ShapeField("cost", "number", required=False, regex=r"[0-9]{1,3}(?:\.[0-9])?")
    day = ShapeField("day", "text", required=True, regex="[0-9]{4}")
    form = formed(b'{"day": "2026", "cost": 1.5}', fields={"cost": cost, "day": day})
    assert form.columns == ("cost", "usual_cost", "day", "usual_day")
    assert texts(form, '{"day": "2026", "cost": 1.5}') == ["", "1.5", "", "2026"]
    assert texts(form, '{"day": "26", "cost": 1.55}') == ["1.55", "", "26", ""]
    assert texts(form, '{"day": "2026", "cost": 1e5}') == ["1e5", "", "", "2026"]
    assert texts(form, '{"day": "2026", "cost": "1.5"}') == ["1.5", "", "", "2026"]
    assert texts(form, '{"day": "2026"}') == ["", "", "", "2026"]
    assert texts(form, '{"day": "", "cost": 1.5}') is None


@pytest.mark.parametrize(
    ("shape", "places"),
    [
        (b'{"a": 1}', ["b"]),
        (b'{"a": {"b": 1}}', ["a"]),
        (b'{"a": {"b": 1}, "a.b": 1}', ["a.b"]),
        (b'{"a": 1}', ["a", "a"]),
        (b'{"a": 1}', ["a.b"]),
    ],
)
def test_a_shape_that_does_not_decide_where_a_field_is_takes_no_part(shape: bytes, places: list[str]) -> None:
    fields = {f"column {number}": ShapeField(place, "text", required=True) for number, place in enumerate(places)}
    assert shape_form(learned_shapes([shape]), fields) is None


@pytest.mark.parametrize("stored", ["", "5", '{"a": [1]}', "{", "null"])
def test_a_stored_shape_that_is_none_takes_no_part(stored: str) -> None:
    assert shape_form([stored], {"a": ShapeField("a", "text", required=False)}) is None

"""Known shapes make reading faster, and change no record: the same messages are read with shapes and without."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from spark_jobs.pipeline.rules import DeclaredRules, TimeRules
from spark_jobs.readings.shape_columns import with_shapes
from spark_jobs.readings.shapes import MOST_NAMES, learned_shapes
from tests.spark.declared_messages import BROKEN, FIELDS, GOOD, TIMES, VALUES, Sent, read, rules_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ORDERS = (
    ("ts", "channel", "user", "note", "cost", "price", "clicks", "is_new", "born", "seen"),
    ("id", "user", "ts", "seen", "born", "is_new", "clicks", "price", "cost", "note", "channel", "version"),
    ("version", "channel", "ts", "user"),
)
FULL: dict[str, Any] = {
    **GOOD,
    "id": "e-1",
    "version": 2,
    "user": {"name": "n", "id": "u1", "age": 7},
    "note": "\u00fc",
    "cost": 1.25,
    "price": 3.5,
    "clicks": 4,
    "is_new": True,
    "born": "2001-02-03",
    "seen": "2026-05-01T10:00:00+02:00",
}
LEARNED = learned_shapes(json.dumps({name: FULL[name] for name in order}).encode() for order in ORDERS)
ONE_FORMAT = TIMES.model_copy(update={"time_format": ("iso8601",)})
NUMBERS_ONLY = TIMES.model_copy(update={"time_format": ("epoch_millis",)})
ODD_CHARACTERS = [*'"{}[]:,09-.e \\\n\t\x00\x01\x7f\ufffd', "\\u0041"]


def random_message(chosen: random.Random) -> bytes:
    """Mostly of one of the shapes, with a value or two that may be anything; every fourth has characters or bytes changed."""
    names = [name for name in chosen.choice(ORDERS) if name in GOOD or chosen.random() < 0.8]
    fields = {name: FULL[name] for name in names}
    for name in chosen.sample(names, chosen.choice((0, 0, 1, 1, 2))):
        fields[name] = chosen.choice(VALUES)
    if chosen.random() < 0.05:
        names.reverse()
    comma, colon = chosen.choice(((",", ":"), (", ", ": "), (", ", ": "), (" , ", " : ")))
    ascii_only = chosen.random() < 0.5
    text = comma.join(f'"{name}"{colon}{json.dumps(fields[name], ensure_ascii=ascii_only)}' for name in names)
    if chosen.random() < 0.05:
        text += f'{comma}"{chosen.choice(names)}"{colon}1'
    message = ("{" + text + "}").encode()
    for _ in range(chosen.choice((0, 0, 0, 1))):
        place = chosen.randrange(len(message))
        new = chosen.choice((*(one.encode() for one in ODD_CHARACTERS), bytes([chosen.randrange(128, 256)]), b""))
        message = message[:place] + new + message[place + chosen.randrange(2) :]
    return message


def matched(
    spark: "SparkSession", messages: Sequence[bytes], times: TimeRules, fields: Mapping[str, Any], shapes: Sequence[str]
) -> int:
    """How many have one of the shapes."""
    rules = DeclaredRules(**dict(times), records=rules_of(dict(fields)), aggregates=())
    frame = spark.createDataFrame([(one,) for one in messages], "value binary")
    texts = frame.select(F.col("value").cast("string").alias("text"))
    return with_shapes(texts, shapes=shapes, rules=rules).where("is_usual").count()


@pytest.mark.group("FZ")
@pytest.mark.proves("F81", "F97")
@pytest.mark.parametrize(
    ("times", "good_time", "shapes"),
    [
        (TIMES, "2026-05-01T10:00:00Z", LEARNED),
        (ONE_FORMAT, "2026-05-01T10:00:00Z", LEARNED[1:]),
        (NUMBERS_ONLY, "1777629600000", LEARNED),
    ],
    ids=["two formats", "one format", "numbers"],
)
def test_random_messages_become_the_same_records_with_shapes_and_without(
    spark: "SparkSession", times: TimeRules, good_time: str, shapes: Sequence[str]
) -> None:
    chosen, rules = random.Random(f"shapes {times.time_format}"), rules_of()
    messages = [random_message(chosen).replace(b"2026-05-01T10:00:00Z", good_time.encode()) for _ in range(3400)]
    sent = [*map(Sent, BROKEN), *map(Sent, messages)]
    without = read(spark, sent, rules, times=times)
    assert read(spark, sent, rules, shapes=shapes, times=times) == without
    accepted = sum(row["rejected_because"] is None for row in without)
    assert 0.1 * len(sent) < accepted < 0.9 * len(sent)
    assert 0.1 * len(sent) < matched(spark, messages, times, FIELDS, shapes) < 0.9 * len(sent)


GOOD_TEXT = '{"ts": "2026-05-01T10:00:00Z", "channel": "mail", "user": {"id": "u1"}, "cost": 1.5}'
HAND = {"channel": FIELDS["channel"], "user": FIELDS["user"], "cost": FIELDS["cost"]}
BY_HAND: dict[bytes, tuple[bool, str | None]] = {
    GOOD_TEXT.encode(): (True, None),
    GOOD_TEXT.replace(" ", "").encode(): (True, None),
    GOOD_TEXT.encode() + b"\n": (True, None),
    GOOD_TEXT.replace(', "cost": 1.5', "").encode(): (True, None),
    GOOD_TEXT.replace("1.5", "null").encode(): (True, None),
    GOOD_TEXT.replace("1.5", '"1.5"').encode(): (True, None),
    GOOD_TEXT.replace("1.5", "1.23456789").encode(): (True, None),
    GOOD_TEXT.replace("1.5", "1e-400").encode(): (True, None),
    GOOD_TEXT.replace("u1", "\u00fc\U0001f600\ufffd").encode(): (True, None),
    GOOD_TEXT.replace("1.5", '"1,5"').encode(): (True, "BAD_NUMBER:cost"),
    GOOD_TEXT.replace("1.5", '"NaN"').encode(): (True, "NOT_FINITE:cost"),
    GOOD_TEXT.replace("1.5", "1e400").encode(): (True, "NUMBER_OUT_OF_RANGE:cost"),
    GOOD_TEXT.replace("u1", "").encode(): (True, "BAD_STRING:user"),
    GOOD_TEXT.replace("u1", "u" * 257).encode(): (True, "TOO_LONG:user"),
    GOOD_TEXT.replace("mail", "fax").encode(): (True, "NOT_IN_LIST:channel"),
    GOOD_TEXT.replace("2026-05", "2019-05").encode(): (True, "TIME_OUT_OF_RANGE"),
    GOOD_TEXT.replace("05-01T10:00:00Z", "02-30T10:00:00Z").encode(): (True, "BAD_TIME"),
    GOOD_TEXT.replace("10:00:00Z", "10h").encode(): (True, "BAD_TIME"),
    GOOD_TEXT.replace("1.5", '""').encode(): (False, "BAD_NUMBER:cost"),
    GOOD_TEXT.replace("1.5", "01.5").encode(): (False, "NOT_JSON"),
    GOOD_TEXT.replace("1.5", "1.").encode(): (False, "NOT_JSON"),
    GOOD_TEXT.replace("1.5", "NaN").encode(): (False, "NOT_JSON"),
    GOOD_TEXT.replace("1.5", "true").encode(): (False, "BAD_NUMBER:cost"),
    GOOD_TEXT.replace('"u1"', "5").encode(): (False, "BAD_STRING:user"),
    GOOD_TEXT.replace('"u1"', "null").encode(): (False, "MISSING_FIELD:user"),
    GOOD_TEXT.replace("mail", "m\\u0061il").encode(): (False, None),
    GOOD_TEXT.replace("mail", "m\tail").encode(): (False, "NOT_JSON"),
    GOOD_TEXT.replace("1.5", '1.5, "cost": 1.5').encode(): (False, "DUPLICATE_KEY"),
    GOOD_TEXT.replace('{"id"', '{"id": "u1", "id"').encode(): (False, "DUPLICATE_KEY"),
    GOOD_TEXT.replace("1.5", '1.5, "user.id": "u2"').encode(): (False, None),
    GOOD_TEXT.encode().replace(b"u1", b"u\xff"): (False, "NOT_UTF8"),
    GOOD_TEXT.encode().replace(b"u1", b"\xed\xa0\x80"): (False, "NOT_UTF8"),
    GOOD_TEXT.encode() + b" {}": (False, "TRAILING_DATA"),
    b"\xef\xbb\xbf" + GOOD_TEXT.encode(): (False, "NOT_JSON"),
    b" " + GOOD_TEXT.encode(): (False, None),
    b"\x01" + GOOD_TEXT.encode(): (False, "NOT_JSON"),
    b"\x01mail\x01u1\x011.5": (False, "NOT_JSON"),
}


@pytest.mark.proves("F81", "F97")
@pytest.mark.parametrize("with_shape", [True, False])
def test_messages_labelled_by_hand_are_read_as_the_labels_say(spark: "SparkSession", *, with_shape: bool) -> None:
    shapes = learned_shapes([GOOD_TEXT.encode()]) if with_shape else ()
    rows = read(spark, [Sent(one) for one in BY_HAND], rules_of(HAND), shapes=shapes, times=ONE_FORMAT)
    found = {message: row["rejected_because"] for message, row in zip(BY_HAND, rows, strict=True)}
    assert found == {message: reason for message, (_, reason) in BY_HAND.items()}
    assert all((row["raw"] is None) == (row["rejected_because"] is None) for row in rows)


def test_the_messages_that_should_be_fast_are(spark: "SparkSession") -> None:
    shapes = learned_shapes([GOOD_TEXT.encode()])
    fast, slow = ([message for message, (is_fast, _) in BY_HAND.items() if is_fast is wanted] for wanted in (True, False))
    assert matched(spark, fast, ONE_FORMAT, HAND, shapes) == len(fast)
    assert matched(spark, slow, ONE_FORMAT, HAND, shapes) == 0


def test_the_longest_shapes_and_texts_overflow_no_stack(spark: "SparkSession") -> None:
    extras = {f"field {number}": {"of": number} if number % 2 else "\u00fc " * 9 for number in range(MOST_NAMES // 2 + 10)}
    rows = []
    for first, last in ((0, 20), (20, 40), (40, len(extras))):
        some = dict(list(extras.items())[first:last])
        rows.append(json.dumps({**GOOD, **some, "last": "\u00fc x" * 50_000}, ensure_ascii=False).encode())
    whole = json.dumps({**GOOD, **extras, "last": 1}, ensure_ascii=False).encode()
    shapes = learned_shapes([whole, *rows])
    messages = [*rows, whole, whole[:-1]]
    with_shapes_, without = (read(spark, [Sent(one) for one in messages], rules_of(HAND), shapes=one) for one in (shapes, ()))
    assert with_shapes_ == without
    assert matched(spark, messages, TIMES, HAND, shapes) == len(messages) - 1

"""YAML as settings need it: sections, lists and texts. What a text means is decided by the setting that it is for.

YAML 1.1, which PyYAML reads, guesses a type from how a value looks: `on` is a truth, `0123` is 83, `12:30:00` is 45,000. Here a
value is what is written, and null only where nothing, `~` or `null` is written without quotes. Keys that occur twice, anchors,
aliases and tags are refused, and so is what nests deeper than any settings do. Knows no setting.
"""

import re
from collections.abc import Iterator

import yaml

DEEPEST = 20
_NULLS = ("", "~", "null", "Null", "NULL")

Value = str | list["Value"] | dict[str, "Value"] | None


class YamlProblem(ValueError):
    """What is wrong with the text, in one sentence that begins with the line if there are several."""


def parse_yaml(text: str) -> Value:
    """The value of the only document of `text`; `YamlProblem` in one sentence if it is not strictly one.

    >>> parse_yaml("{a: on, b: 0123, c: 12:30:00, d: ~, e: '~', f: [1_000]}")
    {'a': 'on', 'b': '0123', 'c': '12:30:00', 'd': None, 'e': '~', 'f': ['1_000']}
    """
    try:
        return _document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(f"line {mark.line + 1 if mark else 1}: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        raise YamlProblem(f"it holds the character U+{int(error.character):04X}, which no YAML file may hold") from None


def is_null(text: str) -> bool:
    """Whether an unquoted text stands for nothing."""
    return text in _NULLS


def require_plain_text(text: str) -> str:
    """Raise `YamlProblem` for a text that holds what no file name, topic or field can be written with.

    >>> require_plain_text("a\\0b")
    Traceback (most recent call last):
    spark_jobs.pipeline.strict_yaml.YamlProblem: a value holds the control character U+0000
    """
    control = re.search(r"[\x00-\x1f\x7f-\x9f]", text.strip())
    if control:
        raise YamlProblem(f"a value holds the control character U+{ord(control[0]):04X}")
    if re.search("[\ud800-\udfff]", text):
        raise YamlProblem("a value holds bytes that are no UTF-8 text")
    return text


def _document(events: Iterator[yaml.Event]) -> Value:
    value: Value = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _problem(event, "a second document begins; settings are one document")
            value = _value(next(events), events, 1)
    return value


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Value:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _problem(event, "anchors and aliases (& and *) are not read; write the value out")
    if getattr(event, "tag", None) not in (None, "!"):
        raise _problem(event, "tags (!) are not read; a setting knows its own type")
    if depth > DEEPEST:
        raise _problem(event, f"it nests deeper than {DEEPEST} levels")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, depth + 1)
    return _sequence(events, depth + 1) if isinstance(event, yaml.SequenceStartEvent) else _scalar(event)


def _sequence(events: Iterator[yaml.Event], depth: int) -> Value:
    values: list[Value] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        values.append(_value(event, events, depth))
    return values


def _mapping(events: Iterator[yaml.Event], depth: int) -> Value:
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _value(event, events, depth)
        if not isinstance(key, str):
            raise _problem(event, "a key is a name, not nothing, a list or a section")
        if key in values:
            raise _problem(event, f"{key} is set twice, first in line {lines[key]}")
        lines[key] = _line(event)
        values[key] = _value(next(events), events, depth)
    return values


def _scalar(event: yaml.Event) -> str | None:
    if not isinstance(event, yaml.ScalarEvent):
        raise _problem(event, "a value was expected")
    if not event.style and is_null(event.value):
        return None
    try:
        return require_plain_text(str(event.value))
    except YamlProblem as problem:
        raise _problem(event, str(problem)) from None


def _problem(event: yaml.Event, sentence: str) -> YamlProblem:
    return YamlProblem(f"line {_line(event)}: {sentence}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1

"""The shapes of a producer's messages: the names of their fields, in the order in which they are written.

Nearly every producer writes its fields in one order. Where it is known, one anchored regular expression takes the texts of all
fields out of a message, and its match proves that the message is one JSON object without a name twice. Shapes decide speed only:
what matches none is left to a real parser, and what matches one has the same texts there.

Text in, text out: regular expressions in the dialect of Java. Knows no Spark and no settings.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spark_jobs.pipeline.time_formats import NUMBER
from spark_jobs.readings.message_formats import path_of
from spark_jobs.readings.strict_objects import NoObject, Undecided, strict_object

MOST_SHAPES, MOST_NAMES = 3, 100
"""How many shapes are tried one after the other, and how many names one has: Java goes down a step for each part of a regular
expression.
"""

SEPARATOR = "\x01"
"""Stands before each text of a match. A JSON string holds no control character."""

USUAL = "usual_"

Tree = dict[str, Any]
"""The names of an object in their order; what is an object itself has a tree, all else None."""

Path = tuple[str, ...]

Kind = Literal["text", "number", "token", "boolean"]
"""What of a field is taken: the text of a string; also that of a number; either with the quotes of the string; true or false."""


@dataclass(frozen=True)
class ShapeField:
    """A field that is taken out of messages. A text that is written as `regex` says has a column of its own, which begins with
    `USUAL`.
    """

    place: str
    kind: Kind
    required: bool
    regex: str | None = None


@dataclass(frozen=True)
class ShapeForm:
    """`replacement` turns a match of `regex` into the texts of the columns in their order, each after a separator. They are empty
    where a field is missing or null.
    """

    regex: str
    replacement: str
    columns: tuple[str, ...]


def learned_shapes(messages: Iterable[bytes | None]) -> tuple[str, ...]:
    """The shapes of these messages as JSON, the most frequent first. Those with names in orders that fit together share one."""
    found: list[tuple[int, Tree]] = []
    for tree in _trees(messages):
        for place, (count, known) in enumerate(found):
            merged = _merged(known, tree)
            if merged is not None and _size(merged) <= MOST_NAMES:
                found[place] = count + 1, merged
                break
        else:
            found.append((1, tree))
    found.sort(key=lambda one: -one[0])
    return tuple(json.dumps(tree, ensure_ascii=False, separators=(",", ":")) for _, tree in found[:MOST_SHAPES])


def _trees(messages: Iterable[bytes | None]) -> Iterator[Tree]:
    for message in messages:
        try:
            tree = _tree(strict_object(message))
        except (NoObject, Undecided):
            continue
        if tree and _size(tree) <= MOST_NAMES:
            yield tree


def _tree(fields: Mapping[str, Any]) -> Tree | None:
    """None if a shape cannot hold the names, or something is a list or an empty object."""
    tree: Tree = {}
    for name, value in fields.items():
        tree[name] = _tree(value) if isinstance(value, dict) else None
        if isinstance(value, list) or (isinstance(value, dict) and not tree[name]) or not _is_plain(name):
            return None
    return tree


def _is_plain(name: str) -> bool:
    """Whether JSON has the name as it is. One that needs an escape can be written in several ways."""
    return json.dumps(name, ensure_ascii=False) == f'"{name}"' and not re.search("[\ud800-\udfff]", name)


def _size(tree: Tree) -> int:
    return sum(1 + _size(inner or {}) for inner in tree.values())


def _merged(known: Tree, other: Tree) -> Tree | None:
    """The names of both in an order that fits both; None if there is none."""
    names, trees, place = list(known), {**other, **known}, 0
    for name, tree in other.items():
        if name not in known:
            names.insert(place, name)
        elif name not in names[place:] or (known[name] is None) != (tree is None):
            return None
        elif tree is not None:
            trees[name] = _merged(known[name], tree)
            if trees[name] is None:
                return None
        place = names.index(name) + 1
    return {name: trees[name] for name in names}


def shape_form(shapes: Iterable[str], fields: Mapping[str, ShapeField]) -> ShapeForm | None:
    """How messages of these shapes are taken apart; None if no shape has all fields that are required. `fields` are by column."""
    regexes: list[str] = []
    groups: list[str] = []
    for tree in _trees(one.encode() for one in shapes):
        if (places := _places(tree, fields)) is not None:
            regexes.append(_object_regex(tree, places, groups))
    if not regexes:
        return None
    columns = tuple(one for column, field in fields.items() for one in _columns(column, field))
    # Of several groups for one column at most one has matched.
    texts = ("".join(f"${number}" for number, one in enumerate(groups, 1) if one == column) for column in columns)
    return ShapeForm(rf"\A(?:{'|'.join(regexes)})[ \t\r\n]*+\z", "".join(SEPARATOR + text for text in texts), columns)


def _columns(column: str, field: ShapeField) -> tuple[str, ...]:
    return (column,) if field.regex is None else (column, USUAL + column)


Places = Mapping[Path, tuple[str, ShapeField]]
"""Which column and field each path of names is."""


def _places(tree: Tree, fields: Mapping[str, ShapeField]) -> Places | None:
    """By the rule of `field_of`. None where the shape alone does not decide that."""
    places: dict[Path, tuple[str, ShapeField]] = {}
    for column, field in fields.items():
        paths = [path for path in ((field.place,), path_of(field.place)) if path and _is_in(tree, path)]
        if not paths and not field.required:
            continue
        if len(paths) != 1 or paths[0] in places or _below(tree, paths[0]) is not None:
            return None
        places[paths[0]] = column, field
    return places


def _is_in(tree: Tree, path: Path) -> bool:
    return path[-1] in (_below(tree, path[:-1]) or {})


def _below(tree: Tree, path: Path) -> Tree | None:
    inner: Tree | None = tree
    for step in path:
        inner = (inner or {}).get(step)
    return inner


def _object_regex(tree: Tree, places: Places, groups: list[str]) -> str:
    """An object with names of a tree in their order; adds the column of each of its groups to `groups`.

    The first name must be there, and each that is required or has one that is required below it.
    """
    regex = ""
    for name, inner in tree.items():
        here = {path[1:]: place for path, place in places.items() if path[0] == name}
        if inner is not None:
            value = _object_regex(inner, here, groups)
        else:
            value = _value_regex(*here[()], groups) if () in here else _SCALAR
        member = rf"\Q{json.dumps(name, ensure_ascii=False)}:\E ?{value}"
        if not regex:
            regex = member
        elif any(field.required for _, field in here.values()):
            regex += f", ?{member}"
        else:
            regex += f"(?:, ?{member})?+"
    return rf"\{{{regex}\}}"


_CONTROLS = "".join(map(chr, range(32)))
_CHARACTER = rf'[^"\\{_CONTROLS}]'
"""Of a string without escapes. Characters that are listed are found in a table: see `message_formats.py`. They stand for
themselves to keep it short: for each message Spark compares the regular expression with that of the message before.
"""


_SCALAR = f'(?:"(?>{_CHARACTER}*)"|{NUMBER}|true|false|null)'


def _value_regex(column: str, field: ShapeField, groups: list[str]) -> str:
    # An empty text stands for none, so where that would be ambiguous a string that is empty is left to the parser.
    text = f"(?>{_CHARACTER}{'*' if field.required and field.regex is None else '+'})"
    forms = {
        "text": [f'"({text})"'],
        "number": [f"({NUMBER})", f'"({text})"'],
        "token": [f'("{text}"|{NUMBER})'],
        "boolean": ["(true|false)"],
    }[field.kind]
    groups += ([USUAL + column] if field.regex else []) + [column] * len(forms)
    if field.regex:
        usual = f"({field.regex})(?![0-9.eE])" if field.kind == "number" else f'"({field.regex})"'
        forms.insert(0, usual)
    return f"(?:{'|'.join(forms if field.required else [*forms, 'null'])})"

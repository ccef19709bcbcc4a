"""Expressions of a pipeline file: held to a list of what is allowed, typed, and rewritten so that no record can end a run.

What may fail becomes null: a division by zero, a number that is too large, a text that is no number. So a failure is seen as a
null that comes of no null. Spark is given the text that is written here from the checked tree, never the user's own: what was
checked is what runs. Sums and quotients stay exact, so nothing is ever a double.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from spark_jobs.pipeline.expression_rules import NUMBERS, WORDS, Category, Checker, category_of
from spark_jobs.pipeline.expression_trees import DIALECT
from spark_jobs.pipeline.field_types import FieldType

MOST_NODES = 200


@dataclass(frozen=True)
class Checked:
    """An expression as Spark is given it, what it yields, and the fields that it reads."""

    sql: str
    category: Category
    names: frozenset[str]


def check(text: str, kinds: Mapping[str, FieldType], zone: str) -> Checked:
    """The expression over fields of these types; hours and dates of its times are those of the zone.

    Raises `ValueError` with what is wrong, and what there is instead.
    """
    checker = Checker(kinds, zone)
    category, tree = checker.visit(_parsed(text))
    return Checked(tree.sql(dialect=DIALECT, identify=True, comments=False), category, frozenset(checker.names))


def check_condition(text: str, kinds: Mapping[str, FieldType], zone: str) -> Checked:
    """The same of one that has to be true or false."""
    found = check(text, kinds, zone)
    if found.category != "boolean":
        raise ValueError(f"{text!r} is {WORDS.get(found.category, 'null')}; expected a condition, which is true or false")
    return found


def check_value(text: str, kinds: Mapping[str, FieldType], zone: str, wanted: FieldType) -> Checked:
    """The same of one that has to yield a field of this type: cut to its digits, half up, and null where it does not fit."""
    found = check(text, kinds, zone)
    fits = found.category == "nothing" or category_of(wanted) == found.category
    if not fits and not (found.category in NUMBERS and wanted.is_number):
        raise ValueError(f"{text!r} is {WORDS[found.category]}, and the field is a {wanted}; CAST makes one of the other")
    return Checked(f"TRY_CAST({found.sql} AS {wanted.spark.upper()})", category_of(wanted), found.names)


def _parsed(text: str) -> exp.Expr:
    try:
        found = sqlglot.parse(text, read=DIALECT)
    except RecursionError:
        raise ValueError(f"an expression that nests so deep is not read: {text[:40]!r}...") from None
    except sqlglot.errors.SqlglotError as error:
        place = error.errors[0] if isinstance(error, sqlglot.errors.ParseError) and error.errors else {}
        at = f" at character {place['col']}, near {place['highlight']!r}" if place.get("highlight") else ""
        raise ValueError(f"{text!r} is no expression of Spark SQL: it cannot be read{at}") from None
    if len(found) != 1 or found[0] is None:
        raise ValueError(f"{text!r} is not one expression")
    if sum(1 for _ in found[0].walk()) > MOST_NODES:
        raise ValueError(f"an expression of more than {MOST_NODES} parts is not read")
    return found[0]

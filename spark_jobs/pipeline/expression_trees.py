"""Pieces of expressions as they run in Spark: each is null where Spark would end in an error."""

import re

from sqlglot import exp

DIALECT = "databricks"
"""The dialect `spark` of sqlglot takes a CAST for a TRY_CAST."""

_DECIMAL = re.compile(r"DECIMAL\((\d+)(?:, (\d+))?\)")
_DATED = re.compile(r"[+-]?[0-9]{4}")
_MOST_DIGITS = 38


def try_cast(tree: exp.Expr, wanted: str) -> exp.Expr:
    return exp.TryCast(this=tree, to=exp.DataType.build(wanted, dialect=DIALECT))


def dated_time(tree: exp.Expr, wanted: str) -> exp.Expr:
    """A text as a time, if it has a date: Spark takes `12:30` for a time of the day on which it is asked (seen with 4.2).

    Raises `ValueError` for a text of the file that has none.
    """
    found = try_cast(tree, wanted)
    if isinstance(tree, exp.Literal):
        if not _DATED.match(tree.name):
            raise ValueError(f"{tree.name!r} is no time, which begins with its year, for example '2026-03-01 12:30'")
        return found
    has_date = exp.Not(this=exp.Is(this=try_cast(tree.copy(), "DATE"), expression=exp.null()))
    return exp.Case(ifs=[exp.If(this=has_date, true=found)])


def as_int(tree: exp.Expr) -> exp.Expr:
    """A long where Spark wants an int."""
    return tree if isinstance(tree, exp.Literal) else try_cast(tree, "INT")


def negative(tree: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="TRY_SUBTRACT", expressions=[exp.Literal.number(0), tree])


def whole_quotient(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Of two longs. The least long divided by -1 is none."""
    whole = exp.IntDiv(this=left, expression=exp.Nullif(this=right, expression=exp.Literal.number(0)))
    is_turned = exp.EQ(this=right.copy(), expression=exp.Literal.number(-1))
    return exp.Case(ifs=[exp.If(this=is_turned, true=negative(left.copy()))], default=whole)


def require_digits(type_: str) -> None:
    """Raise `ValueError` for a decimal that Spark does not know."""
    found = _DECIMAL.fullmatch(type_)
    if found and not (1 <= int(found[1]) <= _MOST_DIGITS and int(found[2] or 0) <= int(found[1])):
        raise ValueError(f"{type_} has to have 1 to {_MOST_DIGITS} digits, and no more of them after the point")

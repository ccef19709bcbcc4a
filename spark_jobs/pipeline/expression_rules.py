"""What an expression of a pipeline file may be made of: each part is typed by those below it, and rewritten so as not to fail.

A table at the end says which rule goes with which kind of node of sqlglot's trees; what is not in it is not allowed.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from sqlglot import exp

from spark_jobs.pipeline.expression_trees import (
    DIALECT,
    as_int,
    dated_time,
    negative,
    require_digits,
    try_cast,
    whole_quotient,
)
from spark_jobs.pipeline.field_types import FieldType

Category = Literal["text", "long", "decimal", "boolean", "timestamp", "date", "nothing"]

MOST_DIGITS = 38
OF_EVERY_RECORD: Mapping[str, Category] = {"partition": "long", "offset": "long", "event_time": "timestamp"}

NUMBERS: tuple[Category, ...] = ("long", "decimal")
_OF_KINDS: Mapping[str, Category] = {"string": "text"}
WORDS = {
    "text": "a text",
    "long": "a number",
    "decimal": "a number",
    "boolean": "true or false",
    "timestamp": "a time",
    "date": "a date",
}


Typed = tuple[Category, exp.Expr]


def category_of(kind: FieldType) -> Category:
    """What a field of this type is in an expression."""
    return _OF_KINDS.get(kind.kind, kind.kind)  # type: ignore[arg-type]


class Checker:
    """Goes through the tree from its leaves on: each part is typed and rewritten once those below it are."""

    def __init__(self, kinds: Mapping[str, FieldType], zone: str) -> None:
        self._known = {**OF_EVERY_RECORD, **{name: category_of(kind) for name, kind in kinds.items()}}
        self._zone = zone
        self.names: set[str] = set()

    def visit(self, node: exp.Expr) -> Typed:
        rule = _RULES.get(type(node))
        if rule is None:
            raise ValueError(f"{node.sql(dialect=DIALECT)!r} is not allowed in an expression; allowed are {ALLOWED}")
        return rule(self, node)

    def column(self, node: exp.Expr) -> Typed:
        name = node.sql(dialect=DIALECT)
        if node.args.get("table") or node.name not in self._known:
            close = difflib.get_close_matches(node.name, self._known, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(self._known)}"
            raise ValueError(f"there is no field {name}{hint}")
        category = self._known[node.name]
        if category not in WORDS:
            raise ValueError(f"{name} is a {category}, which no expression can read")
        self.names.add(node.name)
        return category, exp.column(node.name, quoted=True)

    def all_of(self, node: exp.Expr, nodes: Sequence[exp.Expr], *wanted: Category) -> list[exp.Expr]:
        """Parts that have to be of one of these categories."""
        return [self.one(node, one, *wanted)[1] for one in nodes]

    def one(self, node: exp.Expr, part: exp.Expr, *wanted: Category) -> Typed:
        category, tree = self.visit(part)
        if category not in (*wanted, "nothing"):
            expected = " or ".join(dict.fromkeys(WORDS[one] for one in wanted))
            raise ValueError(
                f"{part.sql(dialect=DIALECT)!r} is {WORDS[category]}, and {node.sql(dialect=DIALECT)!r} needs {expected} there"
            )
        return category, tree

    def alike(self, node: exp.Expr, nodes: Sequence[exp.Expr]) -> tuple[Category, list[exp.Expr]]:
        """Parts that have to be of one category together."""
        typed = [self.visit(one) for one in nodes]
        found = {"decimal" if one in NUMBERS else one for one, _ in typed} - {"nothing"}
        if len(found) > 1:
            parts = ", ".join(
                f"{part.sql(dialect=DIALECT)} is {WORDS[one]}"
                for part, (one, _) in zip(nodes, typed, strict=True)
                if one != "nothing"
            )
            raise ValueError(f"{node.sql(dialect=DIALECT)!r} mixes what cannot be compared: {parts}; CAST makes one of the other")
        categories: set[Category] = {one for one, _ in typed if one != "nothing"}
        common: Category = categories.pop() if len(categories) == 1 else "decimal" if categories else "nothing"
        return common, [tree for _, tree in typed]

    # Rules

    def literal(self, node: exp.Expr) -> Typed:
        if node.is_string:
            return "text", node.copy()
        if not node.name.replace(".", "", 1).isdecimal() or len(node.name) > MOST_DIGITS:
            raise ValueError(f"{node.name} is no exact number; write its digits, without an exponent")
        return ("decimal" if "." in node.name else "long"), node.copy()

    def constant(self, node: exp.Expr) -> Typed:
        return ("boolean" if isinstance(node, exp.Boolean) else "nothing"), node.copy()

    def paren(self, node: exp.Expr) -> Typed:
        category, tree = self.visit(node.this)
        return category, exp.paren(tree, copy=False)

    def connected(self, node: exp.Expr) -> Typed:
        return "boolean", type(node)(**dict(zip(("this", "expression"), self.all_of(node, _sides(node), "boolean"), strict=True)))

    def negated(self, node: exp.Expr) -> Typed:
        return "boolean", exp.Not(this=self.one(node, node.this, "boolean")[1])

    def compared(self, node: exp.Expr) -> Typed:
        _, (left, right) = self.alike(node, _sides(node))
        return "boolean", type(node)(this=left, expression=right)

    def tested(self, node: exp.Expr) -> Typed:
        if isinstance(node.expression, exp.Null):
            return "boolean", exp.Is(this=self.visit(node.this)[1], expression=exp.null())
        if not isinstance(node.expression, exp.Boolean):
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected NULL, TRUE or FALSE behind IS")
        return "boolean", exp.Is(this=self.one(node, node.this, "boolean")[1], expression=node.expression.copy())

    def listed(self, node: exp.Expr) -> Typed:
        if not node.expressions or any(node.args.get(name) for name in ("query", "unnest", "field")):
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected a list of values behind IN")
        _, (this, *others) = self.alike(node, [node.this, *node.expressions])
        return "boolean", exp.In(this=this, expressions=others)

    def between(self, node: exp.Expr) -> Typed:
        if node.args.get("symmetric") is not None:
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected BETWEEN without SYMMETRIC, the lesser bound first")
        _, (this, low, high) = self.alike(node, [node.this, node.args["low"], node.args["high"]])
        return "boolean", exp.Between(this=this, low=low, high=high)

    def like(self, node: exp.Expr) -> Typed:
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string) or "\\\\" in pattern.sql(dialect=DIALECT):
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected a text in quotes behind LIKE, without backslashes")
        return "boolean", exp.Like(this=self.one(node, node.this, "text")[1], expression=pattern.copy())

    def calculated(self, node: exp.Expr) -> Typed:
        (one, left), (other, right) = (self.one(node, side, *NUMBERS) for side in _sides(node))
        category: Category = "long" if (one, other) == ("long", "long") else "decimal"
        return category, exp.Anonymous(this=_TRIED[type(node)], expressions=[left, right])

    def divided(self, node: exp.Expr) -> Typed:
        # Of two longs Spark makes a double.
        sides = [self.one(node, side, *NUMBERS) for side in _sides(node)]
        exact = [try_cast(tree, "DECIMAL(19, 0)") if category == "long" else tree for category, tree in sides]
        return "decimal", exp.Anonymous(this="TRY_DIVIDE", expressions=exact)

    def divided_whole(self, node: exp.Expr) -> Typed:
        (_, left), (_, right) = (self.one(node, side, "long") for side in _sides(node))
        return "long", whole_quotient(left, right)

    def signed(self, node: exp.Expr) -> Typed:
        category, tree = self.one(node, node.this, *NUMBERS)
        minus = negative(tree)
        if isinstance(node, exp.Neg):
            return category, minus
        is_below = exp.LT(this=tree.copy(), expression=exp.Literal.number(0))
        return category, exp.Case(ifs=[exp.If(this=is_below, true=minus)], default=tree.copy())

    def chosen(self, node: exp.Expr) -> Typed:
        branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
        if node.args.get("this") is not None and isinstance(node, exp.Case):
            raise ValueError("CASE needs its conditions behind WHEN, for example CASE WHEN kind = 'refund' THEN 1 ELSE 2 END")
        conditions = [self.one(node, one.this, "boolean")[1] for one in branches]
        default = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
        category, values = self.alike(node, [*(one.args["true"] for one in branches), default or exp.null()])
        ifs = [exp.If(this=condition, true=value) for condition, value in zip(conditions, values, strict=False)]
        return category, exp.Case(ifs=ifs, default=values[-1])

    def first_of(self, node: exp.Expr) -> Typed:
        category, (this, *others) = self.alike(node, [node.this, *node.expressions])
        return category, type(node)(this=this, expressions=others)

    def null_if(self, node: exp.Expr) -> Typed:
        category, (this, other) = self.alike(node, _sides(node))
        return category, exp.Nullif(this=this, expression=other)

    def rounded(self, node: exp.Expr) -> Typed:
        category, tree = self.one(node, node.this, *NUMBERS)
        digits = node.args.get("decimals")
        if digits is not None and not (
            isinstance(digits, exp.Literal) and digits.name.isdecimal() and int(digits.name) <= MOST_DIGITS
        ):
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected a number of digits")
        if isinstance(node, exp.Round):
            return category, exp.Round(this=tree, decimals=digits.copy() if digits is not None else None)
        if digits is not None:
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: FLOOR and CEIL have one argument")
        return category, type(node)(this=tree)

    def of_text(self, node: exp.Expr) -> Typed:
        if any(node.args.get(name) for name in ("expression", "collation", "position")):
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: only its first argument is allowed")
        return ("long" if isinstance(node, exp.Length) else "text"), type(node)(this=self.one(node, node.this, "text")[1])

    def piece(self, node: exp.Expr) -> Typed:
        bounds = {name: node.args.get(name) for name in ("start", "length")}
        trees = {name: as_int(self.one(node, one, "long")[1]) for name, one in bounds.items() if one is not None}
        return "text", exp.Substring(this=self.one(node, node.this, "text")[1], **trees)

    def joined(self, node: exp.Expr) -> Typed:
        parts = _sides(node) if isinstance(node, exp.DPipe) else node.expressions
        return "text", exp.Anonymous(this="CONCAT", expressions=self.all_of(node, parts, "text"))

    def cast(self, node: exp.Expr) -> Typed:
        wanted = node.args["to"].sql(dialect=DIALECT)
        found = next((one for one in _CASTS if wanted == one or wanted.startswith(f"{one}(")), None)
        if found is None:
            raise ValueError(f"{node.sql(dialect=DIALECT)!r}: expected one of {', '.join(_CASTS)} behind AS")
        require_digits(wanted)
        category, sources = _CASTS[found]
        source, tree = self.one(node, node.this, *sources)
        if source == "text" and found == "TIMESTAMP":
            return category, dated_time(tree, wanted)
        return category, try_cast(self._local(tree) if source == "timestamp" and found == "DATE" else tree, wanted)

    def part_of_time(self, node: exp.Expr) -> Typed:
        inner = node.this.this if isinstance(node.this, exp.TsOrDsToDate) else node.this
        category, tree = self.one(node, inner, "timestamp", "date")
        shown = self._local(tree) if category == "timestamp" else tree
        return "long", exp.Anonymous(this=_PARTS[type(node)], expressions=[shown])

    def _local(self, tree: exp.Expr) -> exp.Expr:
        """An instant as the clocks of the zone show it."""
        return exp.Anonymous(this="FROM_UTC_TIMESTAMP", expressions=[tree, exp.Literal.string(self._zone)])


def _sides(node: exp.Expr) -> list[exp.Expr]:
    return [node.this, node.expression]


_TRIED: Mapping[Any, str] = {exp.Add: "TRY_ADD", exp.Sub: "TRY_SUBTRACT", exp.Mul: "TRY_MULTIPLY", exp.Mod: "TRY_MOD"}
_CASTS: Mapping[str, tuple[Category, tuple[Category, ...]]] = {
    "STRING": ("text", ("text", "long", "decimal", "boolean", "date")),
    "BIGINT": ("long", ("text", "long", "decimal")),
    "INT": ("long", ("text", "long", "decimal")),
    "DECIMAL": ("decimal", ("text", "long", "decimal")),
    "BOOLEAN": ("boolean", ("text", "boolean")),
    "DATE": ("date", ("text", "timestamp", "date")),
    "TIMESTAMP": ("timestamp", ("text", "timestamp")),
}
"""What a CAST makes, and of what. Times in texts are in UTC unless they have an offset."""
_PARTS: Mapping[Any, str] = {
    exp.Year: "YEAR",
    exp.Quarter: "QUARTER",
    exp.Month: "MONTH",
    exp.Day: "DAY",
    exp.DayOfMonth: "DAY",
    exp.DayOfWeek: "DAYOFWEEK",
    exp.Hour: "HOUR",
    exp.Minute: "MINUTE",
}
ALLOWED = (
    "fields, numbers, texts, = <> < <= > >= <=> AND OR NOT IN BETWEEN LIKE IS, + - * / % DIV, CASE WHEN, IF, COALESCE, NULLIF, "
    "GREATEST, LEAST, ABS, ROUND, FLOOR, CEIL, UPPER, LOWER, TRIM, SUBSTRING, LENGTH, CONCAT, CAST, YEAR, QUARTER, MONTH, DAY, "
    "DAYOFWEEK, HOUR and MINUTE"
)
Rule = Callable[[Checker, exp.Expr], Typed]
_RULES: Mapping[Any, Rule] = {
    exp.Column: Checker.column,
    exp.Literal: Checker.literal,
    **dict.fromkeys((exp.Boolean, exp.Null), Checker.constant),
    exp.Paren: Checker.paren,
    **dict.fromkeys((exp.And, exp.Or), Checker.connected),
    exp.Not: Checker.negated,
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ), Checker.compared),
    exp.Is: Checker.tested,
    exp.In: Checker.listed,
    exp.Between: Checker.between,
    exp.Like: Checker.like,
    **dict.fromkeys(_TRIED, Checker.calculated),
    exp.Div: Checker.divided,
    exp.IntDiv: Checker.divided_whole,
    **dict.fromkeys((exp.Neg, exp.Abs), Checker.signed),
    **dict.fromkeys((exp.Case, exp.If), Checker.chosen),
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least), Checker.first_of),
    exp.Nullif: Checker.null_if,
    **dict.fromkeys((exp.Round, exp.Floor, exp.Ceil), Checker.rounded),
    **dict.fromkeys((exp.Upper, exp.Lower, exp.Trim, exp.Length), Checker.of_text),
    exp.Substring: Checker.piece,
    **dict.fromkeys((exp.Concat, exp.DPipe), Checker.joined),
    **dict.fromkeys((exp.Cast, exp.TryCast), Checker.cast),
    **dict.fromkeys(_PARTS, Checker.part_of_time),
}

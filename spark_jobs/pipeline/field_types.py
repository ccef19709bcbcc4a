"""The types that a field of a message may have, and what each is as a column of a table."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["string", "decimal", "long", "boolean", "timestamp", "date", "binary"]
WORDS: tuple[str, ...] = tuple(one for one in get_args(Kind) if one not in ("decimal", "binary"))
MOST_DIGITS = 18
"""Sums of 10^20 numbers of so many digits fit `decimal(38,s)`."""

_DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")


@dataclass(frozen=True)
class FieldType:
    """A type by its word; of a decimal all its digits, and those after the point."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.kind == "decimal" else self.kind

    @property
    def is_number(self) -> bool:
        """Whether it can be added up."""
        return self.kind in ("decimal", "long")

    @property
    def spark(self) -> str:
        """As Spark's SQL names it."""
        return "bigint" if self.kind == "long" else str(self)

    @property
    def arrow(self) -> "pa.DataType":
        """As a column of the table `records`."""
        import pyarrow as pa

        match self.kind:
            case "decimal":
                return pa.decimal128(self.precision, self.scale)
            case "long":
                return pa.int64()
            case "boolean":
                return pa.bool_()
            case "timestamp":
                return pa.timestamp("us", tz="UTC")
            case "date":
                return pa.date32()
            case "binary":
                return pa.binary()
        return pa.string()


def field_type(text: str) -> FieldType:
    """The type that a pipeline file names; `ValueError` with those that there are.

    >>> str(field_type("decimal(18, 2)")), field_type("long").spark
    ('decimal(18,2)', 'bigint')
    """
    if text in WORDS:
        return FieldType(text)  # type: ignore[arg-type]
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no type of a field; expected {', '.join(WORDS)}, or a decimal as decimal(18,6)")
    precision, scale = int(found[1]), int(found[2])
    if not (1 <= precision <= MOST_DIGITS and scale <= precision):
        raise ValueError(f"{text} has to have 1 to {MOST_DIGITS} digits, and no more of them after the point")
    return FieldType("decimal", precision, scale)


def stored_type(text: str) -> FieldType:
    """The same of a type as it was stored, which may also be one that no file can name.

    >>> stored_type("binary").arrow
    DataType(binary)
    """
    return FieldType("binary") if text == "binary" else field_type(text)

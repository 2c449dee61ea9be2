"""The types that a contract may declare for a column, and what each of them takes for a value of it."""

from collections.abc import Mapping
from typing import Final, Literal

# `boolean` is true or false in any case, `date` is ISO 8601 such as 2026-11-28; both are judged as text beyond that.
ColumnType = Literal["string", "integer", "float", "boolean", "date"]

# The columns of a contract with their declared types, in the order of the file.
ColumnTypes = Mapping[str, ColumnType]

NUMBERS: Final[tuple[ColumnType, ...]] = ("integer", "float")
TEXTS: Final[tuple[ColumnType, ...]] = ("string", "boolean", "date")
ANY: Final[tuple[ColumnType, ...]] = TEXTS + NUMBERS

# More digits may not fit into 64 bits.
MAX_INTEGER_DIGITS: Final = 18

# RE2, over the whole cell. ASCII digits only; no blanks, no underscores, no "nan" or "inf", and no hexadecimal digits:
# Python's and Arrow's own readers each take some of them.
INTEGER: Final = rf"^[+-]?[0-9]{{1,{MAX_INTEGER_DIGITS}}}$"
FLOAT: Final = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$"
BOOLEAN: Final = r"^(?i:true|false)$"

TYPE_SAYS: Final[Mapping[ColumnType, str]] = {
    "integer": f"must be an integer of at most {MAX_INTEGER_DIGITS} digits",
    "float": "must be a number such as 4, -0.5 or 1e3",
    "boolean": "must be true or false",
    "date": "must be a date such as 2026-11-28",
}


def is_number(type_: ColumnType) -> bool:
    """Return whether cells of the type are compared and added as numbers; all others are texts."""
    return type_ in NUMBERS

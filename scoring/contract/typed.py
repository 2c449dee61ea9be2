"""Text cells as values of the types that a contract declares.

A cell that is not of its column's type stays the text that it is. One bad cell therefore costs its own row and nothing
else, and the rules about the column still judge all the others.
"""

import math
import re
from typing import Final

import pandas as pd

from scoring.contract.model import ColumnType

# ASCII digits only; no blanks, no underscores, no "nan" or "inf": Python's own int() and float() take all of them.
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")

TYPE_RULE: Final[dict[ColumnType, str]] = {
    "integer": "must be an integer of at most 18 digits",
    "float": "must be a number such as 4, -0.5 or 1e3",
}


def typed_column(text: pd.Series, type_: ColumnType) -> pd.Series:
    """Return the column with missing values for empty cells, and with numbers where it declares them.

    Args:
        text: Text cells; the empty text counts as missing.
        type_: What the contract declares.

    Returns:
        The same index. For `string` the dtype is `str`; otherwise it is `object`, holding int or float, None for a
        missing value, and the text itself where a cell is not of the type.
    """
    if type_ == "string":
        return text.where(text != "")
    convert = _integer if type_ == "integer" else _number
    return pd.Series([convert(cell) for cell in text], index=text.index, dtype=object)


def _integer(cell: str) -> int | str | None:
    if _INTEGER.fullmatch(cell):
        return int(cell)
    return cell or None


def _number(cell: str) -> float | str | None:
    if _FLOAT.fullmatch(cell) and math.isfinite(number := float(cell)):
        return number
    return cell or None

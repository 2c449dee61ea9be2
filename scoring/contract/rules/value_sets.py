"""Sets of values that a rule names: checked against a column's type, and as Arrow holds them for a look-up."""

from collections.abc import Iterable

import pyarrow as pa
from pydantic import JsonValue

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.column_types import MAX_INTEGER_DIGITS, ColumnType, ColumnTypes, is_number

_ARROW_TYPES = {"integer": pa.int64(), "float": pa.float64()}


def check_values(member: str, values: Iterable[JsonValue], column: str, types: ColumnTypes) -> None:
    """Refuse values that no cell of the column can equal: numbers for texts, and the reverse.

    Raises:
        ContractProblem: One of them is of the other kind.
    """
    wants_text = not is_number(types[column])
    if any(isinstance(value, str) != wants_text for value in values if value is not None):
        wanted = "texts (in quotes)" if wants_text else "numbers"
        raise ContractProblem(f"kwargs.{member}", f"{column!r} is declared {types[column]}.", f"List {wanted} only.")


def arrow_values(values: Iterable[JsonValue], type_: ColumnType) -> pa.Array:
    """Return the values as a column of that type holds them, each once; those that it cannot hold are left out.

    Returns:
        Null first where it is among them.
    """
    held = dict.fromkeys(_held(value, type_) for value in values if value is None or _can_hold(value, type_))
    has_null = held.pop(None, 0) is None
    return pa.array([*([None] if has_null else []), *held], _ARROW_TYPES.get(type_, pa.string()))


def _held(value: JsonValue, type_: ColumnType) -> str | int | float | None:
    if isinstance(value, int | float):
        return int(value) if type_ == "integer" else float(value)
    return value if isinstance(value, str) else None


def _can_hold(value: JsonValue, type_: ColumnType) -> bool:
    if type_ != "integer" or not isinstance(value, int | float):
        return True
    return value == int(value) and abs(value) < 10**MAX_INTEGER_DIGITS

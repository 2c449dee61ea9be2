"""What the cells of a sample suggest: the type of a column, whether it could be the key, what it may hold."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from scoring.contract.rules.column_types import FLOAT, INTEGER, ColumnType

_INTEGER: Final = re.compile(INTEGER)
_FLOAT: Final = re.compile(FLOAT)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Numbers of houses, articles and telephones: as integers, 007 and +44 would not come back as they went in.
_CODE: Final = re.compile(r"[+-]?0[0-9]|\+")

_KEY_NAME: Final = re.compile(r"(?i:(?:^|[_\-. ])(?:id|key|uuid|guid)$)|[a-z0-9](?:Id|ID|Key)$")
# A key is a code, not a sentence.
_KEY_CELL: Final = re.compile(r"\S{1,64}")

_PERSONAL_NAME: Final = re.compile(
    r"(?i)e-?mail|phone|mobile|iban|\bssn\b|passport|birth|street|address|password|surname|(?:first|last|full).?name"
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")

# A column of more different values is no list of choices, and one of few cells shows too little of it.
_MAX_CHOICES: Final = 10
_MIN_CELLS_PER_CHOICE: Final = 5
_MIN_CELLS: Final = 20
_MAX_CHOICE_CHARACTERS: Final = 40
# Of the cells, so many must be of a type before the others look like mistakes.
_MOSTLY: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What one column looks like.

    Args:
        type: That all its cells have.
        numeric: `integer` or `float` where all cells can be read as such, be they codes like 007 or not.
        almost: A type that nearly all its cells have.
        n_cells: All cells.
        n_empty: Empty ones.
        is_unique: No cell is empty, and none is there twice.
        could_be_key: It is unique, and its cells look like codes.
        has_key_name: It is called like a key.
        is_personal: It looks like data about a person, which pages and logs should not show.
        choices: The different values where they are few, sorted; else empty.
        bounds: The lowest and the highest number, or None.
    """

    name: str
    type: ColumnType
    numeric: ColumnType | None
    almost: ColumnType | None
    n_cells: int
    n_empty: int
    is_unique: bool
    could_be_key: bool
    has_key_name: bool
    is_personal: bool
    choices: tuple[str, ...]
    bounds: tuple[float, float] | None


def guess_column(name: str, cells: Sequence[str]) -> Guess:
    """Guess what a column is from the cells of a sample; an empty cell is a missing one."""
    filled = [cell for cell in cells if cell]
    distinct = set(filled)
    type_ = guess_type(filled)
    is_unique = bool(cells) and len(distinct) == len(cells)
    has_key_name = _KEY_NAME.search(name) is not None
    is_code = type_ in ("string", "integer") and all(map(_KEY_CELL.fullmatch, filled))
    return Guess(
        name=name,
        type=type_,
        numeric=_numeric(filled),
        almost=_almost(filled) if type_ == "string" else None,
        n_cells=len(cells),
        n_empty=len(cells) - len(filled),
        is_unique=is_unique,
        could_be_key=is_unique and is_code,
        has_key_name=has_key_name,
        is_personal=_is_personal(name, filled),
        choices=_choices(filled),
        bounds=_bounds(filled) if type_ in ("integer", "float") else None,
    )


def guess_type(cells: Sequence[str]) -> ColumnType:
    """The narrowest type that all cells have which are not empty; `string` where there are none."""
    filled = [cell for cell in cells if cell]
    numeric = _numeric(filled)
    if numeric is not None:
        return "string" if any(map(_CODE.match, filled)) else numeric
    if filled and all(cell.lower() in ("true", "false") for cell in filled):
        return "boolean"
    return "date" if filled and all(map(_is_date, filled)) else "string"


def _numeric(filled: Sequence[str]) -> ColumnType | None:
    if filled and all(map(_INTEGER.fullmatch, filled)):
        return "integer"
    return "float" if filled and all(map(_is_float, filled)) else None


def _almost(filled: Sequence[str]) -> ColumnType | None:
    kinds: dict[ColumnType, Callable[[str], object]] = {
        "integer": _INTEGER.fullmatch,
        "float": _is_float,
        "date": _is_date,
    }
    for type_, fits in kinds.items():
        n_fitting = sum(bool(fits(cell)) for cell in filled)
        if _MOSTLY * len(filled) <= n_fitting < len(filled):
            return type_
    return None


def _is_float(cell: str) -> bool:
    return _FLOAT.fullmatch(cell) is not None and math.isfinite(float(cell))


def _is_date(cell: str) -> bool:
    try:
        return _DATE.fullmatch(cell) is not None and bool(date.fromisoformat(cell))
    except ValueError:
        return False


def _is_personal(name: str, filled: Sequence[str]) -> bool:
    n_emails = sum(_EMAIL.fullmatch(cell) is not None for cell in filled)
    return _PERSONAL_NAME.search(name) is not None or (n_emails > 0 and n_emails >= _MOSTLY * len(filled))


def _choices(filled: Sequence[str]) -> tuple[str, ...]:
    distinct = set(filled)
    is_few = len(distinct) <= min(_MAX_CHOICES, len(filled) // _MIN_CELLS_PER_CHOICE) and len(filled) >= _MIN_CELLS
    are_words = all(cell.isprintable() and len(cell) <= _MAX_CHOICE_CHARACTERS for cell in distinct)
    return tuple(sorted(distinct)) if is_few and are_words else ()


def _bounds(filled: Sequence[str]) -> tuple[float, float]:
    numbers = [int(cell) if _INTEGER.fullmatch(cell) else float(cell) for cell in filled]
    return min(numbers), max(numbers)

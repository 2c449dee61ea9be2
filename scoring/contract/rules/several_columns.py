"""What rules about two or more columns share: which rows they leave out, and when two cells are equal."""

from collections.abc import Iterable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.catalogue import RowFinder
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnTypes, is_number
from scoring.contract.rules.masks import Mask, all_of, any_of, without
from scoring.contract.rules.members import Kwargs, one_of

_IF_ALL_ARE_MISSING: Final = ("both_values_are_missing", "all_values_are_missing")
_IF_ANY_IS_MISSING: Final = ("either_value_is_missing", "any_value_is_missing")

IGNORE_PAIR_IF: Final = one_of("both_values_are_missing", "either_value_is_missing", "neither")
IGNORE_ROW_IF: Final = one_of("all_values_are_missing", "any_value_is_missing", "never")


def rows_ignored(kwargs: Kwargs, columns: Sequence[str]) -> RowFinder:
    """Return a search for the rows that a rule leaves out, by its `ignore_row_if`; by default those that are empty.

    Args:
        kwargs: Of a rule about a pair or a list of columns.
        columns: The columns that it judges.
    """
    ignore_row_if = kwargs.get("ignore_row_if") or _IF_ALL_ARE_MISSING[0]
    if ignore_row_if in _IF_ALL_ARE_MISSING:
        return lambda cells: all_of(cells.empty(column) for column in columns)
    if ignore_row_if in _IF_ANY_IS_MISSING:
        return lambda cells: any_of(cells.empty(column) for column in columns)
    return lambda _: None


def among_judged(broken: RowFinder, kwargs: Kwargs, columns: Sequence[str]) -> RowFinder:
    """Return the search without the rows that the rule leaves out, and without those that hold a wrongly typed cell."""
    ignored = rows_ignored(kwargs, columns)

    def found(cells: Cells) -> Mask:
        mask = broken(cells)
        if mask is None:
            return None
        return without(without(mask, ignored(cells)), any_not_of_type(cells, columns))

    return found


def any_not_of_type(cells: Cells, columns: Iterable[str]) -> Mask:
    """Return the rows in which a cell of these columns is neither empty nor of its declared type."""
    return any_of(cells.not_of_type(column) for column in columns)


def equal(left: pa.Array, right: pa.Array) -> pa.BooleanArray:
    """Return where two columns hold the same; null where one of the cells is missing. A number never equals a text."""
    if pa.types.is_string(left.type) != pa.types.is_string(right.type):
        both = pc.and_(pc.is_valid(left), pc.is_valid(right))
        return pc.if_else(both, pa.scalar(value=False), pa.scalar(None, pa.bool_()))
    return pc.equal(left, right)


def equal_or_both_missing(left: pa.Array, right: pa.Array) -> pa.BooleanArray:
    """Return where two columns hold the same, or both nothing; never null."""
    if not left.null_count and not right.null_count:
        return equal(left, right)
    both_missing = pc.and_(pc.is_null(left), pc.is_null(right))
    return pc.or_(both_missing, pc.fill_null(equal(left, right), fill_value=False))


def check_same_kind(columns: Sequence[str], types: ColumnTypes) -> None:
    """Refuse to compare numbers with texts.

    Raises:
        ContractProblem: Some of the columns are declared as numbers, and others are not.
    """
    first, *others = columns
    for other in others:
        if is_number(types[first]) != is_number(types[other]):
            what = f"{first!r} is declared {types[first]} and {other!r} {types[other]}: they are never equal."
            raise ContractProblem("kwargs", what, "Declare them with comparable types, or compare others.")

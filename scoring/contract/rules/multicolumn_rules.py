"""Expectations about the cells of several columns in one row, and about rows that are unique in several columns."""

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.catalogue import RowFinder, Supported
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import MAX_INTEGER_DIGITS, NUMBERS, ColumnTypes
from scoring.contract.rules.masks import Mask, any_of, if_any
from scoring.contract.rules.members import NUMBER, Kwargs, in_words
from scoring.contract.rules.several_columns import IGNORE_ROW_IF, among_judged, check_same_kind, equal_or_both_missing

# As many integers of 18 digits add up within 64 bits; more of them do as decimals, of which Arrow takes one digit less
# than it has, to be safe in adding two.
_MOST_ADDENDS: Final = 9
_MOST_DIGITS: Final = 37


def _columns(kwargs: Kwargs) -> tuple[str, ...]:
    listed = kwargs["column_list"]
    return tuple(map(str, listed)) if isinstance(listed, list) else ()


def _shown(kwargs: Kwargs) -> str:
    return ", ".join(_columns(kwargs))


def _check_comparable(kwargs: Kwargs, types: ColumnTypes) -> None:
    check_same_kind(_columns(kwargs), types)


def _are_integers(columns: Sequence[str], types: ColumnTypes) -> bool:
    return all(types[column] == "integer" for column in columns)


def _total(kwargs: Kwargs) -> float:
    total = kwargs["sum_total"]
    return total if isinstance(total, int | float) else 0


def _check_total(kwargs: Kwargs, types: ColumnTypes) -> None:
    columns, total = _columns(kwargs), _total(kwargs)
    is_reached = total == int(total) and abs(total) < len(columns) * 10**MAX_INTEGER_DIGITS
    if _are_integers(columns, types) and not is_reached:
        what = f"{in_words(total)} is the sum of no integers of {MAX_INTEGER_DIGITS} digits."
        raise ContractProblem("kwargs.sum_total", what, "Give another sum, or declare the columns as float.")


def _finds_other_sums(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    """A row in which one of the cells is missing has no sum and does not hold, as in GX."""
    columns = _columns(kwargs)
    total, added_as = pa.scalar(float(_total(kwargs))), pa.float64()
    if _are_integers(columns, types):
        added_as = pa.int64() if len(columns) <= _MOST_ADDENDS else pa.decimal128(_MOST_DIGITS)
        total = pa.scalar(int(_total(kwargs)), added_as)

    def broken(cells: Cells) -> Mask:
        addends = (cells.typed(column).cast(added_as) for column in columns)
        # Each addition of decimals asks for one more digit, whether it needs it or not.
        found = reduce(lambda so_far, addend: pc.add(so_far, addend).cast(added_as), addends)
        holds = pc.equal(found, total)
        return None if holds.true_count == cells.n_rows else pc.invert(pc.fill_null(holds, fill_value=False))

    return among_judged(broken, kwargs, columns)


def _finds_unequal(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    """Two missing cells are equal, as in GX."""
    columns = _columns(kwargs)

    def broken(cells: Cells) -> Mask:
        first, *others = map(cells.typed, columns)
        return any_of(if_any(pc.invert(equal_or_both_missing(first, other))) for other in others)

    return among_judged(broken, kwargs, columns)


def _finds_repeated(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    """Two missing cells are equal, as in GX."""
    columns = _columns(kwargs)

    def broken(cells: Cells) -> Mask:
        return any_of(
            if_any(equal_or_both_missing(cells.typed(first), cells.typed(second)))
            for first, second in combinations(columns, 2)
        )

    return among_judged(broken, kwargs, columns)


MULTICOLUMN_RULES: Final[Mapping[str, Supported]] = {
    "expect_multicolumn_sum_to_equal": Supported(
        metric="multicolumn_sum.equal",
        says=lambda kwargs: f"the sum of {_shown(kwargs)} must be {in_words(kwargs['sum_total'])}",
        domain="columns",
        members={"ignore_row_if": IGNORE_ROW_IF, "sum_total": NUMBER},
        needs=("sum_total",),
        column_types=NUMBERS,
        check=_check_total,
        finds=_finds_other_sums,
    ),
    "expect_multicolumn_values_to_be_equal": Supported(
        metric="multicolumn_values.equal",
        says=lambda kwargs: f"{_shown(kwargs)} must be equal",
        domain="columns",
        members={"ignore_row_if": IGNORE_ROW_IF},
        check=_check_comparable,
        finds=_finds_unequal,
    ),
    "expect_select_column_values_to_be_unique_within_record": Supported(
        metric="select_column_values.unique.within_record",
        says=lambda kwargs: f"{_shown(kwargs)} must all differ",
        domain="columns",
        members={"ignore_row_if": IGNORE_ROW_IF},
        finds=_finds_repeated,
    ),
    "expect_compound_columns_to_be_unique": Supported(
        metric="compound_columns.unique",
        says=lambda kwargs: f"{_shown(kwargs)} together must occur only once in the input",
        domain="columns",
        members={"ignore_row_if": IGNORE_ROW_IF},
        is_unique=True,
    ),
}

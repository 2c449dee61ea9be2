"""Expectations about the table as a whole: its columns and its number of rows.

Every file has exactly the contract's columns, or it is refused before its rows are read. A rule about columns that
does not agree with them would never hold, and is a slip of the pen.
"""

from collections.abc import Mapping
from typing import Final

from scoring.contract.problem import ContractProblem
from scoring.contract.rules import bounds
from scoring.contract.rules.bounds import Bounds
from scoring.contract.rules.catalogue import Supported
from scoring.contract.rules.column_types import ColumnTypes
from scoring.contract.rules.members import COLUMNS, COUNT, FLAG, TEXT, Kwargs, in_words
from scoring.contract.spelling import choose_from


def _check_order(kwargs: Kwargs, _types: ColumnTypes) -> None:
    bounds.check_order(kwargs)


def _check_column(kwargs: Kwargs, types: ColumnTypes) -> None:
    column, index = str(kwargs["column"]), kwargs.get("column_index")
    if column not in types:
        raise ContractProblem("kwargs.column", f"{column!r} is not a declared column.", choose_from(column, types))
    place = list(types).index(column)
    if index is not None and index != place:
        raise ContractProblem("kwargs.column_index", f"{column!r} is at {place}, counted from 0.", f"Give {place}.")


def _check_ordered_list(kwargs: Kwargs, types: ColumnTypes) -> None:
    listed = kwargs["column_list"]
    if listed != list(types):
        what = f"{listed!r} is not the list under `columns`, {list(types)!r}."
        raise ContractProblem("kwargs.column_list", what, "Make the two lists equal.")


def _check_set(kwargs: Kwargs, types: ColumnTypes) -> None:
    listed = kwargs["column_set"]
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    for name in names:
        if name not in types:
            raise ContractProblem("kwargs.column_set", f"{name!r} is not a declared column.", choose_from(name, types))
    left_out = [name for name in types if name not in names]
    if left_out and kwargs.get("exact_match") is not False:
        what = f"It leaves out {', '.join(map(repr, left_out))}, and all columns under `columns` must be there."
        raise ContractProblem("kwargs.column_set", what, "List them, or give `exact_match: false`.")


def _check_number_of_columns(kwargs: Kwargs, types: ColumnTypes) -> None:
    bounds.check_order(kwargs)
    value = kwargs.get("value")
    limits = Bounds(lowest=value, highest=value) if isinstance(value, int | float) else Bounds.of(kwargs)
    lowest, highest = limits.lowest, limits.highest
    too_few = isinstance(lowest, int | float) and len(types) < lowest
    too_many = isinstance(highest, int | float) and len(types) > highest
    if too_few or too_many:
        what = f"The contract has {len(types)} columns, and not {limits.in_words}."
        raise ContractProblem("kwargs", what, f"Give {len(types)}.")


_LIMITS: Final = {"min_value": COUNT, "max_value": COUNT}

TABLE_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_to_exist": Supported(
        metric="table.columns",
        says=lambda kwargs: f"there must be a column {kwargs['column']}",
        domain="table",
        members={"column": TEXT, "column_index": COUNT},
        needs=("column",),
        check=_check_column,
    ),
    "expect_table_columns_to_match_ordered_list": Supported(
        metric="table.columns",
        says=lambda kwargs: f"columns must be {in_words(kwargs['column_list'])}",
        domain="table",
        members={"column_list": COLUMNS},
        needs=("column_list",),
        check=_check_ordered_list,
    ),
    "expect_table_columns_to_match_set": Supported(
        metric="table.columns",
        says=lambda kwargs: f"columns must be, in any order, {in_words(kwargs['column_set'])}",
        domain="table",
        members={"column_set": COLUMNS, "exact_match": FLAG},
        needs=("column_set",),
        check=_check_set,
    ),
    "expect_table_column_count_to_be_between": Supported(
        metric="table.column_count",
        says=lambda kwargs: f"number of columns must be {Bounds.of(kwargs).in_words}",
        domain="table",
        members=_LIMITS,
        needs_one_of=bounds.NEEDS,
        check=_check_number_of_columns,
    ),
    "expect_table_column_count_to_equal": Supported(
        metric="table.column_count",
        says=lambda kwargs: f"number of columns must be {in_words(kwargs['value'])}",
        domain="table",
        members={"value": COUNT},
        needs=("value",),
        check=_check_number_of_columns,
    ),
    "expect_table_row_count_to_be_between": Supported(
        metric="table.row_count",
        says=lambda kwargs: f"number of rows must be {Bounds.of(kwargs).in_words}",
        domain="table",
        members=bounds.members(COUNT),
        needs_one_of=bounds.NEEDS,
        check=_check_order,
    ),
    "expect_table_row_count_to_equal": Supported(
        metric="table.row_count",
        says=lambda kwargs: f"number of rows must be {in_words(kwargs['value'])}",
        domain="table",
        members={"value": COUNT},
        needs=("value",),
    ),
}

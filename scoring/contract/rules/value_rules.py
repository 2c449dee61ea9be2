"""Expectations about the value of one cell: present, in a set, in a range, unique."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.problem import ContractProblem
from scoring.contract.rules import bounds
from scoring.contract.rules.bounds import Bounds
from scoring.contract.rules.catalogue import RowFinder, Supported
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnTypes, is_number
from scoring.contract.rules.masks import Mask, if_any, without
from scoring.contract.rules.members import BOUND, VALUES, Kwargs, in_words
from scoring.contract.rules.value_sets import arrow_values, check_values


def _finds_empty(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    column = str(kwargs["column"])
    return lambda cells: cells.empty(column)


def _finds_filled(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    column = str(kwargs["column"])

    def filled(cells: Cells) -> Mask:
        values = cells.typed(column)
        return None if values.null_count == cells.n_rows else pc.is_valid(values)

    return filled


def _finds_others(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    column, known = _column_and_set(kwargs, types)

    def others(cells: Cells) -> Mask:
        values = cells.typed(column)
        found = pc.is_in(values, value_set=known)
        if found.true_count == len(values) - values.null_count:
            return None
        return without(pc.invert(found), pc.is_null(values))

    return others


def _finds_members(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    column, known = _column_and_set(kwargs, types)
    return lambda cells: if_any(pc.is_in(cells.typed(column), value_set=known))


def _column_and_set(kwargs: Kwargs, types: ColumnTypes) -> tuple[str, pa.Array]:
    column, values = str(kwargs["column"]), kwargs["value_set"]
    return column, arrow_values(values if isinstance(values, list) else [], types[column])


def check_value_set(kwargs: Kwargs, types: ColumnTypes) -> None:
    """Refuse a `value_set` that the cells of `column` cannot equal.

    Raises:
        ContractProblem: It lists texts for a column of numbers, or the reverse.
    """
    values = kwargs["value_set"]
    check_values("value_set", values if isinstance(values, list) else [], str(kwargs["column"]), types)


def check_bounds(kwargs: Kwargs, types: ColumnTypes) -> None:
    """Refuse bounds that the cells of `column` cannot be compared with, or between which nothing lies.

    Raises:
        ContractProblem: They are dates for a column of numbers, or the reverse; or they are in the wrong order.
    """
    column = str(kwargs["column"])
    wants_text = not is_number(types[column])
    for name in bounds.NEEDS:
        value = kwargs.get(name)
        if value is not None and isinstance(value, str) != wants_text:
            wanted = "an ISO date in quotes, such as '2026-11-28'" if wants_text else "a number"
            what = f"{column!r} is declared {types[column]}, and {value!r} is not {wanted}."
            raise ContractProblem(f"kwargs.{name}", what, f"Give {wanted}.")
    bounds.check_order(kwargs)


def _finds_outside(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    column = str(kwargs["column"])
    limits = Bounds.of(kwargs).fitted_to(types[column])
    return lambda cells: limits.outside(cells.typed(column))


VALUE_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_values_to_not_be_null": Supported(
        metric="column_values.nonnull",
        says=lambda _: "must not be empty",
        members={},
        finds=_finds_empty,
        judges_missing=True,
    ),
    "expect_column_values_to_be_null": Supported(
        metric="column_values.null",
        says=lambda _: "must be empty",
        members={},
        finds=_finds_filled,
        judges_missing=True,
    ),
    "expect_column_values_to_be_unique": Supported(
        metric="column_values.unique",
        says=lambda _: "must occur only once in the input",
        members={},
        is_unique=True,
    ),
    "expect_column_values_to_be_in_set": Supported(
        metric="column_values.in_set",
        says=lambda kwargs: f"must be one of {in_words(kwargs['value_set'])}",
        members={"value_set": VALUES},
        needs=("value_set",),
        check=check_value_set,
        finds=_finds_others,
    ),
    "expect_column_values_to_not_be_in_set": Supported(
        metric="column_values.not_in_set",
        says=lambda kwargs: f"must not be one of {in_words(kwargs['value_set'])}",
        members={"value_set": VALUES},
        needs=("value_set",),
        check=check_value_set,
        finds=_finds_members,
    ),
    "expect_column_values_to_be_between": Supported(
        metric="column_values.between",
        says=lambda kwargs: f"must be {Bounds.of(kwargs).in_words}",
        members=bounds.members(BOUND),
        needs_one_of=bounds.NEEDS,
        column_types=("integer", "float", "date"),
        check=check_bounds,
        finds=_finds_outside,
    ),
}

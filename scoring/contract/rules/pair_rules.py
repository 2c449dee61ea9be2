"""Expectations about two cells of one row."""

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from scoring.contract.rules.catalogue import RowFinder, Supported
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnTypes
from scoring.contract.rules.masks import Mask
from scoring.contract.rules.members import FLAG, PAIRS, Kwargs, in_words
from scoring.contract.rules.several_columns import IGNORE_PAIR_IF, among_judged, check_same_kind
from scoring.contract.rules.value_sets import arrow_values, check_values

_Compare = Callable[[pa.Array, pa.Array], pa.BooleanArray]


def _columns(kwargs: Kwargs) -> tuple[str, str]:
    return str(kwargs["column_A"]), str(kwargs["column_B"])


def _check_comparable(kwargs: Kwargs, types: ColumnTypes) -> None:
    check_same_kind(_columns(kwargs), types)


def _holds_by(compare: _Compare, kwargs: Kwargs) -> RowFinder:
    """A row in which one of the cells is missing does not hold, as in GX."""
    first, second = _columns(kwargs)

    def broken(cells: Cells) -> Mask:
        holds = compare(cells.typed(first), cells.typed(second))
        if holds.true_count == cells.n_rows:
            return None
        return pc.invert(pc.fill_null(holds, fill_value=False))

    return among_judged(broken, kwargs, (first, second))


def _finds_unequal(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    return _holds_by(pc.equal, kwargs)


def _finds_not_greater(kwargs: Kwargs, _types: ColumnTypes) -> RowFinder:
    return _holds_by(pc.greater_equal if kwargs.get("or_equal") else pc.greater, kwargs)


def _pairs(kwargs: Kwargs) -> list[tuple[JsonValue, JsonValue]]:
    listed = kwargs["value_pairs_set"]
    pairs = listed if isinstance(listed, list) else []
    return [(pair[0], pair[1]) for pair in pairs if isinstance(pair, list)]


def _check_pairs(kwargs: Kwargs, types: ColumnTypes) -> None:
    for column, values in zip(_columns(kwargs), zip(*_pairs(kwargs), strict=True), strict=True):
        check_values("value_pairs_set", values, column, types)


def _finds_other_pairs(kwargs: Kwargs, types: ColumnTypes) -> RowFinder:
    """Each cell becomes its place in the list of its column's values, and a row one number of the two places."""
    first, second = _columns(kwargs)
    firsts, seconds = (
        arrow_values(values, types[column])
        for column, values in zip((first, second), zip(*_pairs(kwargs), strict=True), strict=True)
    )
    # The last place stands for a value that is in no pair.
    places = [{value: place for place, value in enumerate(values.to_pylist())} for values in (firsts, seconds)]
    width = len(seconds) + 1
    known = pa.array(
        [places[0][a] * width + places[1][b] for a, b in _pairs(kwargs) if a in places[0] and b in places[1]],
        pa.int64(),
    )

    def broken(cells: Cells) -> Mask:
        row = pc.add(
            pc.multiply(_places_of(cells.typed(first), firsts), width), _places_of(cells.typed(second), seconds)
        )
        found = pc.is_in(row, value_set=known)
        return pc.invert(found) if found.false_count else None

    return among_judged(broken, kwargs, (first, second))


def _places_of(values: pa.Array, known: pa.Array) -> pa.Array:
    places = pc.cast(pc.index_in(values, value_set=known), pa.int64())
    return pc.fill_null(places, len(known))


PAIR_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_pair_values_to_be_equal": Supported(
        metric="column_pair_values.equal",
        says=lambda kwargs: f"must be equal to {kwargs['column_B']}",
        domain="pair",
        members={"ignore_row_if": IGNORE_PAIR_IF},
        check=_check_comparable,
        finds=_finds_unequal,
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": Supported(
        metric="column_pair_values.a_greater_than_b",
        says=lambda kwargs: f"must be {'at least' if kwargs.get('or_equal') else 'above'} {kwargs['column_B']}",
        domain="pair",
        members={"ignore_row_if": IGNORE_PAIR_IF, "or_equal": FLAG},
        check=_check_comparable,
        finds=_finds_not_greater,
    ),
    "expect_column_pair_values_to_be_in_set": Supported(
        metric="column_pair_values.in_set",
        says=lambda kwargs: f"must, with {kwargs['column_B']}, be one of {in_words(kwargs['value_pairs_set'])}",
        domain="pair",
        members={"ignore_row_if": IGNORE_PAIR_IF, "value_pairs_set": PAIRS},
        needs=("value_pairs_set",),
        check=_check_pairs,
        finds=_finds_other_pairs,
    ),
}

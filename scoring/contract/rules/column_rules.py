"""Expectations about a column as a whole: its extremes, sums, quantiles and distinct values."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from scoring.contract.rules import bounds
from scoring.contract.rules.bounds import Bounds
from scoring.contract.rules.catalogue import Measure, Supported
from scoring.contract.rules.column_types import ANY, NUMBERS, ColumnType, ColumnTypes
from scoring.contract.rules.members import (
    BOUND,
    COUNT,
    FLAG,
    NUMBER,
    SHARE,
    VALUES,
    Kwargs,
    Member,
    in_words,
    is_number,
)
from scoring.contract.rules.value_rules import check_bounds, check_value_set

# pandas' own names; GX hands them on.
_INTERPOLATIONS: Final = ("linear", "lower", "higher", "midpoint", "nearest")


def _figure_between(
    metric: str,
    called: str,
    *measures: Measure,
    kind: Member = NUMBER,
    column_types: tuple[ColumnType, ...] = NUMBERS,
) -> Supported:
    """One figure of the column must lie between bounds.

    Args:
        metric: GX's name of the figure.
        called: Its name in messages.
        measures: What must be measured for it.
        kind: What the bounds are.
        column_types: Where the figure exists.
    """
    compares_cells = kind is BOUND
    return Supported(
        metric=metric,
        says=lambda kwargs: f"{called} must be {Bounds.of(kwargs).in_words}",
        members=bounds.members(kind),
        needs_one_of=bounds.NEEDS,
        column_types=column_types,
        check=check_bounds if compares_cells else _check_order,
        measures=frozenset(measures),
    )


def _check_order(kwargs: Kwargs, _types: ColumnTypes) -> None:
    bounds.check_order(kwargs)


def _values_in_set(metric: str, says: str, *, members: Mapping[str, Member] | None = None) -> Supported:
    return Supported(
        metric=metric,
        says=lambda kwargs: f"{says} {in_words(kwargs['value_set'])}",
        members={"value_set": VALUES, **(members or {})},
        needs=("value_set",),
        check=check_value_set,
        measures=frozenset({"counts"}),
    )


def _is_range(value: JsonValue) -> bool:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004
        return False
    lowest, highest = value
    if is_number(lowest) and is_number(highest):
        return lowest <= highest
    return all(one is None or is_number(one) for one in value)


def _are_quantile_ranges(value: JsonValue) -> bool:
    if not isinstance(value, dict) or set(value) != {"quantiles", "value_ranges"}:
        return False
    quantiles, ranges = value["quantiles"], value["value_ranges"]
    return (
        isinstance(quantiles, list)
        and isinstance(ranges, list)
        and len(quantiles) == len(ranges) > 0
        and all(is_number(one) and 0 <= one <= 1 for one in quantiles)
        and all(map(_is_range, ranges))
    )


def _quantiles_in_words(kwargs: Kwargs) -> str:
    ranges = kwargs["quantile_ranges"]
    if not isinstance(ranges, dict):
        return ""
    quantiles, values = ranges["quantiles"], ranges["value_ranges"]
    if not isinstance(quantiles, list) or not isinstance(values, list):
        return ""
    return ", ".join(f"{in_words(one)} in {in_words(its)}" for one, its in zip(quantiles, values, strict=True))


_QUANTILE_RANGES: Final = Member(
    "a mapping of `quantiles`, a list of numbers from 0 to 1, and `value_ranges`, a list of as many pairs "
    "[lowest, highest] of numbers or nulls",
    _are_quantile_ranges,
)
_INTERPOLATION: Final = Member(
    f"false, or one of {', '.join(_INTERPOLATIONS)}",
    lambda value: value is False or (isinstance(value, str) and value in _INTERPOLATIONS),
)

COLUMN_RULES: Final[Mapping[str, Supported]] = {
    "expect_column_min_to_be_between": _figure_between(
        "column.min", "the smallest value", "extremes", kind=BOUND, column_types=(*NUMBERS, "date")
    ),
    "expect_column_max_to_be_between": _figure_between(
        "column.max", "the largest value", "extremes", kind=BOUND, column_types=(*NUMBERS, "date")
    ),
    "expect_column_sum_to_be_between": _figure_between("column.sum", "the sum", "moments"),
    "expect_column_mean_to_be_between": _figure_between("column.mean", "the mean", "moments"),
    "expect_column_stdev_to_be_between": _figure_between(
        "column.standard_deviation", "the standard deviation", "moments"
    ),
    "expect_column_median_to_be_between": _figure_between("column.median", "the median", "quantiles"),
    "expect_column_quantile_values_to_be_between": Supported(
        metric="column.quantile_values",
        says=lambda kwargs: f"quantiles must be {_quantiles_in_words(kwargs)}",
        members={"quantile_ranges": _QUANTILE_RANGES, "allow_relative_error": _INTERPOLATION},
        needs=("quantile_ranges",),
        column_types=NUMBERS,
        measures=frozenset({"quantiles"}),
    ),
    "expect_column_unique_value_count_to_be_between": _figure_between(
        "column.distinct_values.count", "the number of distinct values", "distinct", kind=COUNT, column_types=ANY
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _figure_between(
        "column.unique_proportion", "the share of distinct values", "distinct", kind=SHARE, column_types=ANY
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _figure_between(
        "column.non_null_proportion", "the share of cells that are not empty", kind=SHARE, column_types=ANY
    ),
    "expect_column_distinct_values_to_be_in_set": _values_in_set(
        "column.distinct_values.not_in_set", "every distinct value must be one of"
    ),
    "expect_column_distinct_values_to_contain_set": _values_in_set(
        "column.distinct_values.missing_from_column", "the distinct values must contain"
    ),
    "expect_column_distinct_values_to_equal_set": _values_in_set(
        "column.distinct_values", "the distinct values must be exactly"
    ),
    "expect_column_most_common_value_to_be_in_set": _values_in_set(
        "column.most_common_value", "the most common value must be one of", members={"ties_okay": FLAG}
    ),
}

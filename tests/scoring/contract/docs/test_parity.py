"""Every supported expectation on the streamed engine and on Great Expectations' own pandas engine, over the same rows.

Metric names and the engine's interface are no public API of GX: these tests are the contract with the pinned version.
"""

import datetime as dt
import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pandas as pd
import pytest

from scoring.contract.docs.expectations import validate
from scoring.contract.rules.column_types import NUMBERS
from scoring.contract.rules.supported import SUPPORTED
from tests.scoring.contract.finished_pass import Row, contract_of, expectation, pass_over

COLUMNS: Final = {
    "id": "string",
    "word": "string",
    "twin": "string",
    "count": "integer",
    "other": "integer",
    "price": "float",
    "cost": "float",
    "flag": "boolean",
    "day": "date",
    "later": "date",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """An expectation; `objects` where GX judges single cells only in columns of Python objects."""

    kwargs: Mapping[str, Any] = field(default_factory=dict)
    objects: bool = False


def case(*, objects: bool = False, **kwargs: Any) -> Case:
    return Case(kwargs=kwargs, objects=objects)


QUARTILES: Final = {"quantiles": [0, 0.25, 0.5, 1], "value_ranges": [[0, 2], [1, 3], [None, 4], [4, None]]}

CASES: Final[dict[str, list[Case]]] = {
    "expect_column_values_to_not_be_null": [case(column="word"), case(column="count"), case(column="day")],
    "expect_column_values_to_be_null": [case(column="twin"), case(column="price")],
    "expect_column_values_to_be_unique": [case(column=name) for name in ("id", "count", "price", "day")],
    "expect_column_values_to_be_in_set": [
        case(column="word", value_set=["fine", "good", "schön"]),
        case(column="count", value_set=[1, 2, 3]),
        case(column="price", value_set=[0.5, 1]),
        case(column="flag", value_set=["true"]),
    ],
    "expect_column_values_to_not_be_in_set": [
        case(column="word", value_set=["spam", "fine"]),
        case(column="count", value_set=[0, 9]),
    ],
    "expect_column_values_to_be_between": [
        case(column="count", min_value=1, max_value=5),
        case(column="count", min_value=1, strict_min=True),
        case(column="price", min_value=0, max_value=2.5, strict_max=True),
        case(column="day", min_value="2026-01-02", max_value="2026-06-30"),
    ],
    "expect_column_values_to_be_of_type": [
        case(column="word", type_="int", objects=True),
        case(column="word", type_="str", objects=True),
        case(column="count", type_="int", objects=True),
        case(column="price", type_="float", objects=True),
    ],
    "expect_column_values_to_be_in_type_list": [
        case(column="word", type_list=["int", "float"], objects=True),
        case(column="word", type_list=["str"], objects=True),
        case(column="count", type_list=["int", "int64"], objects=True),
    ],
    "expect_column_value_lengths_to_be_between": [
        case(column="word", min_value=2, max_value=4),
        case(column="word", min_value=4, strict_min=True),
    ],
    "expect_column_value_lengths_to_equal": [case(column="word", value=4)],
    "expect_column_values_to_match_regex": [case(column="id", regex="^R[0-9]{3}$"), case(column="word", regex="o")],
    "expect_column_values_to_not_match_regex": [case(column="word", regex="(?i)^SP|ö")],
    "expect_column_values_to_match_regex_list": [
        case(column="word", regex_list=["^f", "d$"]),
        case(column="word", regex_list=["o", "d$"], match_on="all"),
    ],
    "expect_column_values_to_not_match_regex_list": [case(column="word", regex_list=["^s", "x"])],
    "expect_column_values_to_match_like_pattern": [case(column="word", like_pattern="%o_")],
    "expect_column_values_to_not_match_like_pattern": [case(column="word", like_pattern="s%")],
    "expect_column_values_to_match_like_pattern_list": [case(column="word", like_pattern_list=["f%", "%d"])],
    "expect_column_values_to_not_match_like_pattern_list": [case(column="word", like_pattern_list=["s%", "%x%"])],
    "expect_column_values_to_match_strftime_format": [case(column="twin", strftime_format="%Y-%m-%d")],
    "expect_column_pair_values_to_be_equal": [
        case(column_A="word", column_B="twin"),
        case(column_A="count", column_B="other", ignore_row_if="either_value_is_missing"),
        case(column_A="price", column_B="cost", ignore_row_if="neither"),
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        case(column_A="count", column_B="other", ignore_row_if="either_value_is_missing"),
        case(column_A="price", column_B="cost", or_equal=True, ignore_row_if="either_value_is_missing"),
        case(column_A="later", column_B="day", ignore_row_if="either_value_is_missing"),
    ],
    "expect_column_pair_values_to_be_in_set": [
        case(column_A="word", column_B="flag", value_pairs_set=[["fine", "true"], ["good", "false"]]),
        case(column_A="count", column_B="other", value_pairs_set=[[1, 0], [2, 1], [3, 2]]),
    ],
    "expect_multicolumn_sum_to_equal": [
        case(column_list=["count", "other"], sum_total=3),
        case(column_list=["price", "cost"], sum_total=10, ignore_row_if="any_value_is_missing"),
    ],
    "expect_multicolumn_values_to_be_equal": [case(column_list=["word", "twin", "id"])],
    "expect_select_column_values_to_be_unique_within_record": [case(column_list=["word", "twin", "id"])],
    "expect_compound_columns_to_be_unique": [
        case(column_list=["word", "count"]),
        case(column_list=["flag", "day"], ignore_row_if="any_value_is_missing"),
        case(column_list=["price", "other"], ignore_row_if="never"),
    ],
    "expect_column_min_to_be_between": [
        case(column="count", min_value=1),
        case(column="price", max_value=0.5, strict_max=True),
        case(column="day", min_value="2026-01-01"),
    ],
    "expect_column_max_to_be_between": [case(column="count", max_value=5), case(column="day", max_value="2026-06-30")],
    "expect_column_sum_to_be_between": [
        case(column="count", min_value=1, max_value=99),
        case(column="price", max_value=50),
    ],
    "expect_column_mean_to_be_between": [
        case(column="count", min_value=2, max_value=4),
        case(column="price", min_value=1, strict_min=True),
    ],
    "expect_column_stdev_to_be_between": [case(column="count", max_value=2), case(column="price", min_value=0.1)],
    "expect_column_median_to_be_between": [case(column="count", min_value=2), case(column="price", max_value=2)],
    "expect_column_quantile_values_to_be_between": [
        case(column="count", quantile_ranges=QUARTILES),
        case(column="price", quantile_ranges=QUARTILES, allow_relative_error="linear"),
    ],
    "expect_column_unique_value_count_to_be_between": [
        case(column="word", min_value=2, max_value=5),
        case(column="price", max_value=9),
        case(column="flag", max_value=1),
    ],
    "expect_column_proportion_of_unique_values_to_be_between": [
        case(column="id", min_value=0.9),
        case(column="count", max_value=0.5),
    ],
    "expect_column_proportion_of_non_null_values_to_be_between": [case(column="word", min_value=0.8)],
    "expect_column_distinct_values_to_be_in_set": [
        case(column="word", value_set=["fine", "good"]),
        case(column="count", value_set=[1, 2, 3, 4, 5]),
    ],
    "expect_column_distinct_values_to_contain_set": [
        case(column="word", value_set=["fine", "good"]),
        case(column="count", value_set=[1, 2, 77]),
    ],
    "expect_column_distinct_values_to_equal_set": [
        case(column="word", value_set=["fine", "good"]),
        case(column="count", value_set=[1, 2, 3, 4, 5]),
    ],
    "expect_column_most_common_value_to_be_in_set": [
        case(column="word", value_set=["fine"]),
        case(column="count", value_set=[1, 2], ties_okay=True),
    ],
    "expect_column_to_exist": [case(column="word"), case(column="twin", column_index=2)],
    "expect_table_columns_to_match_ordered_list": [case(column_list=list(COLUMNS))],
    "expect_table_columns_to_match_set": [case(column_set=["word", "id"], exact_match=False)],
    "expect_table_column_count_to_be_between": [case(min_value=1, max_value=10)],
    "expect_table_column_count_to_equal": [case(value=10)],
    "expect_table_row_count_to_be_between": [case(min_value=2, max_value=30)],
    "expect_table_row_count_to_equal": [case(value=25)],
}

# GX has them for databases only; the streamed engine answers them for files, too.
NO_PANDAS_FORM: Final = frozenset(name for name in CASES if "like_pattern" in name)
# The contract refuses one that does not hold before any row is read.
NEVER_BROKEN: Final = frozenset(
    name for name in CASES if name == "expect_column_to_exist" or name.startswith("expect_table_column")
)

SHARES: Final = (0.5, 0.97)
# GX takes some 40 ms for an expectation: not every case meets every shape.
SHAPE_WITH_SHARES: Final = "with empty cells"
SHAPES_WITH_ALL_CASES: Final = ("plain", "with empty cells")


def _good(number: int) -> Row:
    day = f"2026-01-{number % 28 + 1:02}"
    word = ("fine", "good")[number % 2]
    count = number % 5 + 1
    price = (number % 4 + 1) / 2
    return (
        f"R{number:03}",
        word,
        day,
        str(count),
        str(count - 1),
        str(price),
        str(10 - price),
        "true",
        day,
        f"2026-02-{number % 28 + 1:02}",
    )


def _bad(number: int) -> Row:
    return ("R001", "spamox", "spamox", "9", "9", "-7.5", "90", "false", "2025-12-31", "2025-01-01")


def _mixed(dice: random.Random, share_empty: float) -> Row:
    good, bad = _good(dice.randrange(40)), _bad(0)
    return tuple(
        None if dice.random() < share_empty else dice.choice((one, one, other))
        for one, other in zip(good, bad, strict=True)
    )


def _unicode(number: int) -> Row:
    word = ("schön", "scho\u0308n", "日本語", "\N{GRINNING FACE}", "a\nb", "ﬀ", "İ", "fine ")[number % 8]
    return (f"R{number:03}\N{BLACK HEART SUIT}", word, word, *_good(number)[3:])


def _shapes() -> dict[str, list[Row]]:
    dice = random.Random(20261128)
    return {
        "plain": [_mixed(dice, 0) for _ in range(40)],
        "with empty cells": [_mixed(dice, 0.25) for _ in range(41)],
        "mostly empty": [_mixed(dice, 0.9) for _ in range(30)],
        "all empty": [(None,) * len(COLUMNS)] * 4,
        "all good": [_good(number) for number in range(25)],
        "all bad": [_bad(number) for number in range(25)],
        "one row": [_good(3)],
        "no row": [],
        "unicode": [_unicode(number) for number in range(16)],
    }


SHAPES: Final = _shapes()
# What it shows is between the shapes with some empty cells and with nothing else.
ONLY_IN_CAMPAIGNS: Final = "mostly empty"
READ: Final[Mapping[str, Callable[[str], Any]]] = {"integer": int, "float": float, "date": dt.date.fromisoformat}


def _frame(rows: list[Row], *, objects: bool) -> pd.DataFrame:
    """The rows as the contract types them."""
    columns = {}
    for place, (name, type_) in enumerate(COLUMNS.items()):
        read = READ.get(type_, str)
        values = [None if row[place] is None else read(row[place]) for row in rows]
        # By itself pandas takes numbers for what they are; beside a missing one an integer becomes a float.
        dtype = "object" if objects or type_ not in NUMBERS else "float64" if None in values or not values else None
        columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def _variants(type_: str, shape: str) -> list[dict[str, Any]]:
    """The cases of an expectation; the first of one about rows also with `mostly`."""
    first, *others = CASES[type_]
    shares = SHARES if SUPPORTED[type_].is_about_rows and shape == SHAPE_WITH_SHARES else ()
    asked = [first, *others] if shape in SHAPES_WITH_ALL_CASES else [first]
    return [
        *(expectation(type_, **one.kwargs) for one in asked),
        *(expectation(type_, **first.kwargs, mostly=share) for share in shares),
    ]


@cache
def _ours(shape: str) -> dict[str, list[dict[str, Any]]]:
    """What the streamed engine says of all cases, by expectation."""
    contract = contract_of(COLUMNS, *(one for type_ in CASES for one in _variants(type_, shape)))
    with TemporaryDirectory() as folder:
        profile, rules = pass_over(contract, SHAPES[shape], Path(folder))
        _, *results = validate(profile, rules, contract, run_name="parity")["results"]
    by_type: dict[str, list[dict[str, Any]]] = {type_: [] for type_ in CASES}
    for rule, result in zip(rules, results, strict=True):
        if rule.name != "type":
            by_type[rule.name].append(result)
    return by_type


@cache
def _theirs(shape: str) -> dict[str, list[dict[str, Any]]]:
    """What GX's own pandas engine says of them."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for objects in (False, True):
        types = [type_ for type_, cases in CASES.items() if cases[0].objects == objects and type_ not in NO_PANDAS_FORM]
        expectations = [one for type_ in types for one in _variants(type_, shape)]
        results = _validated_by_gx(expectations, _frame(SHAPES[shape], objects=objects))
        for one, result in zip(expectations, results, strict=True):
            by_type.setdefault(one["type"], []).append(result)
    return by_type


def _validated_by_gx(expectations: list[dict[str, Any]], frame: pd.DataFrame) -> list[dict[str, Any]]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(gx.ExpectationSuite(name="theirs", expectations=expectations))
    rows = (
        context.data_sources.add_pandas("rows").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")
    )
    # Not by a checkpoint: GX cannot store the result of an expectation about quantiles.
    result = rows.get_batch({"dataframe": frame}).validate(suite, result_format="COMPLETE").to_json_dict()
    by_identity = {one["expectation_config"]["id"]: one for one in result["results"]}
    return [by_identity[one.id] for one in suite.expectations]


FIGURES: Final = (
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "partial_unexpected_list",
    "partial_missing_list",
    "observed_value",
    "details",
)


def _comparable(result: Mapping[str, Any]) -> dict[str, Any]:
    figures = {name: _without_nan(result["result"].get(name)) for name in FIGURES}
    if figures["partial_missing_list"]:
        # GX gives them in the order of a set.
        figures["partial_missing_list"] = sorted(figures["partial_missing_list"], key=str)
    return {"success": result["success"], **figures}


def _without_nan(value: Any) -> Any:
    """GX shows a missing number now as null and now as NaN."""
    match value:
        case float() if math.isnan(value):
            return None
        case float():
            return pytest.approx(value, rel=1e-9, abs=1e-12)
        case list():
            return [_without_nan(one) for one in value]
        case dict():
            return {name: _without_nan(one) for name, one in value.items()}
    return value


def _exceptions(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    information = result["exception_info"]
    return [information, *(one for one in information.values() if isinstance(one, dict))]


each_shape = pytest.mark.parametrize(
    "shape", [pytest.param(shape, marks=pytest.mark.slow) if shape == ONLY_IN_CAMPAIGNS else shape for shape in SHAPES]
)


def test_every_supported_expectation_has_a_case():
    assert set(CASES) == set(SUPPORTED)


@each_shape
@pytest.mark.parametrize("type_", [type_ for type_ in SUPPORTED if type_ not in NO_PANDAS_FORM])
def test_both_engines_say_the_same(type_: str, shape: str):
    ours, theirs = _ours(shape)[type_], _theirs(shape)[type_]

    assert len(ours) == len(theirs) == len(_variants(type_, shape))
    for mine, other in zip(ours, theirs, strict=True):
        assert not any(one.get("raised_exception") for one in _exceptions(other)), other["exception_info"]
        assert _comparable(mine) == _comparable(other), other["expectation_config"]["kwargs"]


@pytest.mark.parametrize("type_", [type_ for type_ in SUPPORTED if type_ not in NEVER_BROKEN])
def test_every_expectation_is_held_by_some_rows_and_broken_by_others(type_: str):
    said = {one["success"] for shape in SHAPES if shape != ONLY_IN_CAMPAIGNS for one in _ours(shape)[type_]}

    assert said == {True, False}


@each_shape
def test_likeness_is_what_sql_means_by_it(shape: str):
    words = [row[1] for row in SHAPES[shape] if row[1] is not None]
    broken = {
        "expect_column_values_to_match_like_pattern": [word for word in words if not re.search(r"(?s)o.\Z", word)],
        "expect_column_values_to_not_match_like_pattern": [word for word in words if word.startswith("s")],
        "expect_column_values_to_match_like_pattern_list": [word for word in words if not re.search(r"^f|d\Z", word)],
        "expect_column_values_to_not_match_like_pattern_list": [word for word in words if re.search(r"^s|x", word)],
    }

    assert set(broken) == NO_PANDAS_FORM
    for type_, expected in broken.items():
        figures = _ours(shape)[type_][0]["result"]
        assert figures["unexpected_count"] == len(expected), type_
        assert figures["partial_unexpected_list"] == expected[:20]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where the streamed engine says something else, and why; `theirs` is None where GX cannot judge the column."""

    why: str
    type_: str
    kwargs: Mapping[str, Any]
    column: str
    cells: tuple[str | None, ...]
    ours: Mapping[str, Any]
    theirs: Mapping[str, Any] | None


DIFFERENCES: Final = {
    "a cell of another type": Difference(
        why="In GX one such cell ends the whole rule. Here the rule `type` finds it, and it holds every other one.",
        type_="expect_column_values_to_be_between",
        kwargs={"column": "n", "min_value": 1, "max_value": 5},
        column="integer",
        cells=("1", "five", "9", None),
        ours={"success": False, "unexpected_count": 1, "missing_count": 1, "partial_unexpected_list": [9]},
        theirs=None,
    ),
    "a cell of another type in a mean": Difference(
        why="In GX one such cell ends the whole rule. Here the mean is that of the numbers.",
        type_="expect_column_mean_to_be_between",
        kwargs={"column": "n", "min_value": 1, "max_value": 5},
        column="integer",
        cells=("1", "five", "3", None),
        ours={"success": True, "observed_value": 2},
        theirs=None,
    ),
    "a line end at the end of a cell": Difference(
        why="In Python's regular expressions `$` also matches before a line end; in RE2 it is the very end.",
        type_="expect_column_values_to_match_regex",
        kwargs={"column": "n", "regex": "^R[0-9]$"},
        column="string",
        cells=("R1", "R2\n"),
        ours={"success": False, "unexpected_count": 1, "partial_unexpected_list": ["R2\n"]},
        theirs={"success": True, "unexpected_count": 0, "partial_unexpected_list": []},
    ),
    "digits in a column of texts": Difference(
        why="Files hold nothing but text. A column of texts may be asked whether its cells read as numbers.",
        type_="expect_column_values_to_be_of_type",
        kwargs={"column": "n", "type_": "int"},
        column="string",
        cells=("1", "one"),
        ours={"success": False, "unexpected_count": 1, "partial_unexpected_list": ["one"]},
        theirs={"success": False, "unexpected_count": 2, "partial_unexpected_list": ["1", "one"]},
    ),
    "integers beyond the precision of floats": Difference(
        why="GX makes floats of all bounds. Here integers are compared as integers.",
        type_="expect_column_values_to_be_between",
        kwargs={"column": "n", "max_value": 2**53},
        column="integer",
        cells=(str(2**53), str(2**53 + 1)),
        ours={"success": False, "unexpected_count": 1, "partial_unexpected_list": [2**53 + 1]},
        theirs={"success": True, "unexpected_count": 0, "partial_unexpected_list": []},
    ),
}


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_engines_differ_only_where_it_is_meant(difference: Difference, tmp_path: Path):
    contract = contract_of({"n": difference.column}, expectation(difference.type_, **difference.kwargs))
    profile, rules = pass_over(contract, [(cell,) for cell in difference.cells], tmp_path)
    *_, ours = validate(profile, rules, contract, run_name="difference")["results"]
    (theirs,) = _validated_by_gx([expectation(difference.type_, **difference.kwargs)], _column_of(difference))

    assert _told(ours, difference.ours) == difference.ours
    if difference.theirs is None:
        assert any(one.get("raised_exception") for one in _exceptions(theirs))
    else:
        assert _told(theirs, difference.theirs) == difference.theirs


def _column_of(difference: Difference) -> pd.DataFrame:
    is_integer = difference.column == "integer"
    dtype = "int64" if is_integer and all(cell and cell.isdigit() for cell in difference.cells) else "object"

    def typed(cell: str | None) -> Any:
        return int(cell) if is_integer and cell is not None and cell.isdigit() else cell

    return pd.DataFrame({"n": pd.Series([typed(cell) for cell in difference.cells], dtype=dtype)})


def _told(result: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    told = {"success": result["success"], **result["result"]}
    return {name: told[name] for name in asked}

import subprocess
import sys

import pytest

from scoring.contract.problem import ContractProblem
from scoring.contract.rules.catalogue import DOMAIN_MEMBERS
from scoring.contract.rules.supported import SUPPORTED, check_expectation
from tests.scoring.contract.judged import great_expectations_registry

COLUMNS = {
    "id": "string",
    "rating": "integer",
    "price": "float",
    "day": "date",
    "is_new": "boolean",
    "title": "string",
}
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
REGEXES = "expect_column_values_to_match_regex_list"
LIKE = "expect_column_values_to_match_like_pattern"
IN_SET = "expect_column_values_to_be_in_set"
LENGTHS = "expect_column_value_lengths_to_be_between"
OF_TYPE = "expect_column_values_to_be_of_type"
TYPE_LIST = "expect_column_values_to_be_in_type_list"
STRFTIME = "expect_column_values_to_match_strftime_format"
GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
PAIRS = "expect_column_pair_values_to_be_in_set"
SUM = "expect_multicolumn_sum_to_equal"
EQUAL = "expect_multicolumn_values_to_be_equal"
COMPOUND = "expect_compound_columns_to_be_unique"
MINIMUM = "expect_column_min_to_be_between"
QUANTILES = "expect_column_quantile_values_to_be_between"
COMMON = "expect_column_most_common_value_to_be_in_set"
SHARE = "expect_column_proportion_of_unique_values_to_be_between"
EXISTS = "expect_column_to_exist"
ORDERED = "expect_table_columns_to_match_ordered_list"
SET = "expect_table_columns_to_match_set"
N_COLUMNS = "expect_table_column_count_to_equal"
N_COLUMNS_BETWEEN = "expect_table_column_count_to_be_between"
N_ROWS = "expect_table_row_count_to_be_between"

ACCEPTED = [
    ("expect_column_values_to_not_be_null", {"column": "id", "mostly": 0.95}),
    ("expect_column_values_to_be_null", {"column": "id"}),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    (BETWEEN, {"column": "rating", "min_value": 1, "max_value": 5, "strict_max": True}),
    (BETWEEN, {"column": "price", "max_value": 0.5}),
    (BETWEEN, {"column": "day", "min_value": "2026-01-01", "max_value": None}),
    (REGEX, {"column": "id", "regex": r"^R\d+$"}),
    ("expect_column_values_to_not_match_regex", {"column": "id", "regex": "<"}),
    (REGEXES, {"column": "id", "regex_list": ["a", "b"], "match_on": "all"}),
    ("expect_column_values_to_not_match_regex_list", {"column": "id", "regex_list": ["a"]}),
    (LIKE, {"column": "id", "like_pattern": "R%", "escape": "!"}),
    ("expect_column_values_to_not_match_like_pattern", {"column": "id", "like_pattern": "R%"}),
    ("expect_column_values_to_match_like_pattern_list", {"column": "id", "like_pattern_list": ["R%"]}),
    ("expect_column_values_to_not_match_like_pattern_list", {"column": "id", "like_pattern_list": ["R%"]}),
    (IN_SET, {"column": "id", "value_set": ["a", "b"]}),
    (IN_SET, {"column": "rating", "value_set": [1, 2.5]}),
    ("expect_column_values_to_not_be_in_set", {"column": "is_new", "value_set": ["true"]}),
    (LENGTHS, {"column": "id", "min_value": 0}),
    ("expect_column_value_lengths_to_equal", {"column": "id", "value": 7.0}),
    (OF_TYPE, {"column": "rating", "type_": "int64"}),
    (TYPE_LIST, {"column": "id", "type_list": ["INTEGER", "int", "BIGINT"]}),
    (STRFTIME, {"column": "id", "strftime_format": "%Y-%m-%d %H:%M"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "rating", "column_B": "price"}),
    (GREATER, {"column_A": "rating", "column_B": "price", "or_equal": True, "ignore_row_if": "neither"}),
    (PAIRS, {"column_A": "id", "column_B": "rating", "value_pairs_set": [["a", 1], [None, 2]]}),
    (SUM, {"column_list": ["rating", "price"], "sum_total": 1.5}),
    (EQUAL, {"column_list": ["id", "title"], "ignore_row_if": "never"}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["id", "rating"]}),
    (COMPOUND, {"column_list": ["id", "rating"], "ignore_row_if": "any_value_is_missing"}),
    (MINIMUM, {"column": "day", "min_value": "2026-01-01"}),
    ("expect_column_max_to_be_between", {"column": "price", "max_value": 5}),
    ("expect_column_sum_to_be_between", {"column": "price", "max_value": 5}),
    ("expect_column_mean_to_be_between", {"column": "price", "max_value": 5}),
    ("expect_column_stdev_to_be_between", {"column": "price", "max_value": 5}),
    ("expect_column_median_to_be_between", {"column": "price", "max_value": 5}),
    (
        QUANTILES,
        {
            "column": "price",
            "quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": [[0, 1], [None, 2]]},
            "allow_relative_error": "linear",
        },
    ),
    ("expect_column_unique_value_count_to_be_between", {"column": "id", "min_value": 5}),
    (SHARE, {"column": "id", "min_value": 0.5}),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "id", "min_value": 0.5}),
    ("expect_column_distinct_values_to_be_in_set", {"column": "id", "value_set": ["a"]}),
    ("expect_column_distinct_values_to_contain_set", {"column": "id", "value_set": ["a"]}),
    ("expect_column_distinct_values_to_equal_set", {"column": "rating", "value_set": [1]}),
    (COMMON, {"column": "id", "value_set": ["a"], "ties_okay": True}),
    (EXISTS, {"column": "price", "column_index": 2}),
    (ORDERED, {"column_list": list(COLUMNS)}),
    (SET, {"column_set": ["price", "id"], "exact_match": False}),
    (N_COLUMNS_BETWEEN, {"min_value": 1.0, "max_value": 6.0}),
    (N_COLUMNS, {"value": 6}),
    (N_ROWS, {"min_value": 1, "strict_min": False}),
    ("expect_table_row_count_to_equal", {"value": 10}),
]

REFUSED = [
    ("expect_column_values_to_be_beautiful", {"column": "id"}, "type", "not an expectation that is supported"),
    ("expect_column_values_to_be_uniqe", {"column": "id"}, "type", "Did you mean 'expect_column_values_to_be_unique'"),
    (BETWEEN, {"min_value": 1}, "kwargs.column", "missing"),
    (BETWEEN, {"column": "Rating", "min_value": 1}, "kwargs.column", "Did you mean 'rating'"),
    (BETWEEN, {"column": "id", "min_value": 1}, "kwargs.column", "declared string"),
    (BETWEEN, {"column": "rating"}, "kwargs", "'min_value' or 'max_value' is missing"),
    (BETWEEN, {"column": "rating", "min_value": None}, "kwargs", "'min_value' or 'max_value' is missing"),
    (BETWEEN, {"column": "rating", "min_value": 5, "max_value": 1}, "kwargs", "above max_value"),
    (BETWEEN, {"column": "rating", "min_value": 5, "max_value": 5, "strict_min": True}, "kwargs", "Nothing lies"),
    (BETWEEN, {"column": "rating", "min_value": "1"}, "kwargs.min_value", "not a number"),
    (BETWEEN, {"column": "rating", "min_value": "2026-01-01"}, "kwargs.min_value", "declared integer"),
    (BETWEEN, {"column": "rating", "min_value": True}, "kwargs.min_value", "not a number"),
    (BETWEEN, {"column": "rating", "min_value": float("nan")}, "kwargs.min_value", "not a number"),
    (BETWEEN, {"column": "rating", "min_value": 10**400}, "kwargs.min_value", "not a number"),
    (BETWEEN, {"column": "day", "min_value": 1}, "kwargs.min_value", "declared date"),
    (BETWEEN, {"column": "day", "min_value": "2026-02-30"}, "kwargs.min_value", "ISO date"),
    (BETWEEN, {"column": "day", "min_value": "2026-2-3"}, "kwargs.min_value", "ISO date"),
    (BETWEEN, {"column": "day", "min_value": "2026-02-03", "max_value": "2025-02-03"}, "kwargs", "above max_value"),
    (BETWEEN, {"column": "rating", "min_valeu": 1}, "kwargs.min_valeu", "Did you mean 'min_value'"),
    (BETWEEN, {"column": "rating", "min_value": 1, "mostly": 0}, "kwargs.mostly", "above 0"),
    (BETWEEN, {"column": "rating", "min_value": 1, "mostly": 1.1}, "kwargs.mostly", "at most 1"),
    (REGEX, {"column": "rating", "regex": "1"}, "kwargs.column", "judges string"),
    (REGEX, {"column": "id"}, "kwargs", "'regex' is missing"),
    (REGEX, {"column": "id", "regex": "^R[0-9"}, "kwargs.regex", "not a regular expression"),
    (REGEX, {"column": "id", "regex": "(?!x)"}, "kwargs.regex", "no look-around"),
    (REGEX, {"column": "id", "regex": r"(a)\1"}, "kwargs.regex", "no back-references"),
    (REGEXES, {"column": "id", "regex_list": ["a", "(?<=b)"]}, "kwargs.regex_list", "no look-around"),
    (REGEXES, {"column": "id", "regex_list": []}, "kwargs.regex_list", "not a list"),
    (REGEXES, {"column": "id", "regex_list": ["a"], "match_on": "some"}, "kwargs.match_on", "'any' or 'all'"),
    (LIKE, {"column": "id", "like_pattern": "a!", "escape": "!"}, "kwargs.escape", "ends with the escape"),
    (LIKE, {"column": "id", "like_pattern": "a", "escape": "!!"}, "kwargs.escape", "one character"),
    (IN_SET, {"column": "id", "value_set": []}, "kwargs.value_set", "not a list"),
    (IN_SET, {"column": "id", "value_set": [None]}, "kwargs.value_set", "not a list"),
    (IN_SET, {"column": "id", "value_set": [1]}, "kwargs.value_set", "texts"),
    (IN_SET, {"column": "is_new", "value_set": [True]}, "kwargs.value_set", "not a list of texts"),
    (IN_SET, {"column": "rating", "value_set": ["1"]}, "kwargs.value_set", "numbers"),
    (LENGTHS, {"column": "id", "min_value": -1}, "kwargs.min_value", "whole number"),
    (LENGTHS, {"column": "id", "min_value": 1.5}, "kwargs.min_value", "whole number"),
    (LENGTHS, {"column": "id", "min_value": 5, "max_value": 1}, "kwargs", "above max_value"),
    (OF_TYPE, {"column": "id", "type_": "itn64"}, "kwargs.type_", "Did you mean 'int64'"),
    (OF_TYPE, {"column": "rating", "type_": "str"}, "kwargs.type_", "declared integer"),
    (OF_TYPE, {"column": "day", "type_": "float"}, "kwargs.type_", "declared date"),
    (TYPE_LIST, {"column": "id", "type_list": ["int", "flaot"]}, "kwargs.type_list[1]", "Did you mean 'float'"),
    (STRFTIME, {"column": "id", "strftime_format": "%D"}, "kwargs.strftime_format", "datetime.strptime"),
    (STRFTIME, {"column": "id", "strftime_format": "%d %d"}, "kwargs.strftime_format", "datetime.strptime"),
    (STRFTIME, {"column": "rating", "strftime_format": "%d"}, "kwargs.column", "declared integer"),
    (GREATER, {"column_A": "id"}, "kwargs.column_B", "missing"),
    (GREATER, {"column_A": "id", "column_B": "rating"}, "kwargs", "never equal"),
    (GREATER, {"column_A": "id", "column_B": "titel"}, "kwargs.column_B", "Did you mean 'title'"),
    (GREATER, {"column_A": "id", "column_B": "title", "ignore_row_if": "never"}, "kwargs.ignore_row_if", "neither"),
    (PAIRS, {"column_A": "id", "column_B": "rating", "value_pairs_set": [["a"]]}, "kwargs.value_pairs_set", "pairs"),
    (PAIRS, {"column_A": "id", "column_B": "rating", "value_pairs_set": [[1, 1]]}, "kwargs.value_pairs_set", "texts"),
    (SUM, {"column_list": ["rating", "id"], "sum_total": 1}, "kwargs.column_list", "declared string"),
    (SUM, {"column_list": ["rating"], "sum_total": 1}, "kwargs.column_list", "two columns"),
    (SUM, {"column_list": ["rating", "rating"], "sum_total": 1}, "kwargs.column_list", "two columns"),
    (SUM, {"column_list": ["rating", "price", "rating"], "sum_total": 1}, "kwargs.column_list", "'rating' twice"),
    (COMPOUND, {"column_list": ["id", "order"]}, "kwargs.column_list", "not a declared column"),
    (COMPOUND, {"column_list": ["id", "rating"], "ignore_row_if": "neither"}, "kwargs.ignore_row_if", "never"),
    (EQUAL, {"column_list": ["id", "rating"]}, "kwargs", "never equal"),
    (MINIMUM, {"column": "id", "min_value": 1}, "kwargs.column", "declared string"),
    (MINIMUM, {"column": "day", "min_value": 1}, "kwargs.min_value", "ISO date"),
    (MINIMUM, {"column": "rating", "min_value": 1, "mostly": 0.5}, "kwargs.mostly", "no single rows"),
    ("expect_column_mean_to_be_between", {"column": "day", "min_value": 1}, "kwargs.column", "declared date"),
    (QUANTILES, {"column": "price", "quantile_ranges": {"quantiles": [0.5]}}, "kwargs.quantile_ranges", "mapping"),
    (
        QUANTILES,
        {"column": "price", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, 1]]}},
        "kwargs.quantile_ranges",
        "pairs",
    ),
    (
        QUANTILES,
        {
            "column": "price",
            "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]},
            "allow_relative_error": True,
        },
        "kwargs.allow_relative_error",
        "false, or one of",
    ),
    (SHARE, {"column": "id", "min_value": 50}, "kwargs.min_value", "from 0 to 1"),
    (EXISTS, {"column": "prices"}, "kwargs.column", "Did you mean 'price'"),
    (EXISTS, {"column": "price", "column_index": 0}, "kwargs.column_index", "is at 2"),
    (ORDERED, {"column_list": ["rating", "id"]}, "kwargs.column_list", "not the list under `columns`"),
    (SET, {"column_set": ["id"]}, "kwargs.column_set", "leaves out 'rating'"),
    (SET, {"column_set": ["ID"], "exact_match": False}, "kwargs.column_set", "Did you mean 'id'"),
    (N_COLUMNS, {"value": 5}, "kwargs", "6 columns"),
    (N_COLUMNS_BETWEEN, {"min_value": 7}, "kwargs", "6 columns"),
    (N_ROWS, {"column": "id", "min_value": 1}, "kwargs.column", "no such member"),
    (N_ROWS, {"min_value": 5, "max_value": 1}, "kwargs", "above max_value"),
]


@pytest.mark.parametrize(("type_", "kwargs"), ACCEPTED)
def test_an_expectation_that_fits_its_columns_is_accepted(type_: str, kwargs: dict):
    check_expectation(type_, kwargs, COLUMNS)

    said = SUPPORTED[type_].says(kwargs)
    assert "None" not in said
    assert said == said.strip()


def test_every_supported_expectation_is_accepted_above():
    assert {type_ for type_, _ in ACCEPTED} == set(SUPPORTED)


@pytest.mark.parametrize(("type_", "kwargs", "member", "says"), REFUSED)
def test_a_wrong_expectation_is_refused_at_its_member(type_: str, kwargs: dict, member: str, says: str):
    with pytest.raises(ContractProblem) as refused:
        check_expectation(type_, kwargs, COLUMNS)

    assert refused.value.member == member
    assert says in f"{refused.value.what} {refused.value.next_step}"
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("type_", "kwargs", "says"),
    [
        (BETWEEN, {"min_value": 1}, "must be at least 1"),
        (BETWEEN, {"min_value": 0, "max_value": 1, "strict_min": True}, "must be above 0 and at most 1"),
        (BETWEEN, {"max_value": 5.0, "strict_max": True}, "must be below 5"),
        (LENGTHS, {"min_value": 2, "max_value": 20}, "length must be between 2 and 20 characters"),
        (IN_SET, {"value_set": ["a", 1.0]}, "must be one of ['a', 1]"),
        (GREATER, {"column_A": "a", "column_B": "b", "or_equal": True}, "must be at least b"),
        (SUM, {"column_list": ["a", "b"], "sum_total": 100.0}, "the sum of a, b must be 100"),
    ],
)
def test_a_rule_is_put_into_words(type_: str, kwargs: dict, says: str):
    assert SUPPORTED[type_].says(kwargs) == says


@pytest.mark.parametrize(
    ("type_", "kwargs", "columns"),
    [
        (BETWEEN, {"column": "rating"}, ("rating",)),
        (GREATER, {"column_A": "rating", "column_B": "price"}, ("rating", "price")),
        (COMPOUND, {"column_list": ["id", "day"]}, ("id", "day")),
        (EXISTS, {"column": "id"}, ()),
    ],
)
def test_an_expectation_names_the_columns_that_it_judges(type_: str, kwargs: dict, columns: tuple[str, ...]):
    assert SUPPORTED[type_].columns(kwargs) == columns


@pytest.mark.parametrize(("type_", "kwargs"), ACCEPTED)
def test_great_expectations_accepts_what_is_accepted_here(type_: str, kwargs: dict):
    expectation = great_expectations_registry().get_expectation_impl(type_)(**kwargs)

    known = {*SUPPORTED[type_].members, *DOMAIN_MEMBERS[SUPPORTED[type_].domain]}
    assert known <= set(type(expectation).__fields__)
    assert ("mostly" in type(expectation).__fields__) == SUPPORTED[type_].is_about_rows


def test_the_metric_of_a_rule_is_the_one_that_great_expectations_asks_for():
    registry = great_expectations_registry()

    for type_, supported in SUPPORTED.items():
        expectation = registry.get_expectation_impl(type_)
        asked = {getattr(expectation, "map_metric", None), *expectation.metric_dependencies}
        assert any(metric is not None and metric.startswith(supported.metric) for metric in asked), type_


def test_a_contract_is_judged_without_importing_great_expectations():
    modules = "scoring.contract.loading, scoring.contract.rules.profile"
    program = f"import sys, {modules}; print('great_expectations' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"

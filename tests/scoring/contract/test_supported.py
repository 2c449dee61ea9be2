import subprocess
import sys

import pytest

from scoring.contract.supported import SUPPORTED, ContractProblem, check_expectation

COLUMNS = {"id": "string", "rating": "integer", "price": "float"}
BETWEEN = "expect_column_values_to_be_between"
REGEX = "expect_column_values_to_match_regex"
IN_SET = "expect_column_values_to_be_in_set"
LENGTHS = "expect_column_value_lengths_to_be_between"


@pytest.mark.parametrize(
    ("type_", "kwargs"),
    [
        (BETWEEN, {"column": "rating", "min_value": 1, "max_value": 5, "strict_max": True}),
        (BETWEEN, {"column": "price", "max_value": 0.5}),
        (REGEX, {"column": "id", "regex": r"^R\d+$"}),
        (IN_SET, {"column": "id", "value_set": ["a", "b"]}),
        (IN_SET, {"column": "rating", "value_set": [1, 2.5]}),
        (LENGTHS, {"column": "id", "min_value": 0}),
        ("expect_table_columns_to_match_ordered_list", {"column_list": ["id", "rating", "price"]}),
        ("expect_table_row_count_to_equal", {"value": 10}),
    ],
)
def test_an_expectation_that_fits_its_column_is_accepted(type_: str, kwargs: dict):
    check_expectation(type_, kwargs, COLUMNS)


@pytest.mark.parametrize(
    ("type_", "kwargs", "member", "says"),
    [
        ("expect_column_values_to_be_beautiful", {"column": "id"}, "type", "not an expectation that is supported"),
        ("expect_column_values_to_be_of_type", {"column": "id"}, "type", "Give the type under `columns`"),
        (BETWEEN, {"min_value": 1}, "kwargs.column", "missing"),
        (BETWEEN, {"column": "Rating", "min_value": 1}, "kwargs.column", "Did you mean 'rating'"),
        (BETWEEN, {"column": "id", "min_value": 1}, "kwargs.column", "declared string"),
        (BETWEEN, {"column": "rating"}, "kwargs", "'min_value' or 'max_value' is missing"),
        (BETWEEN, {"column": "rating", "min_value": 5, "max_value": 1}, "kwargs", "above max_value"),
        (BETWEEN, {"column": "rating", "min_value": "1"}, "kwargs.min_value", "not a number"),
        (BETWEEN, {"column": "rating", "min_value": True}, "kwargs.min_value", "not a number"),
        (BETWEEN, {"column": "rating", "min_value": float("nan")}, "kwargs.min_value", "not a number"),
        (BETWEEN, {"column": "rating", "min_valeu": 1}, "kwargs.min_valeu", "Did you mean 'min_value'"),
        (BETWEEN, {"column": "rating", "min_value": 1, "mostly": 0.9}, "kwargs.mostly", "severity: warning"),
        (BETWEEN, {"column": "rating", "min_value": 1, "row_condition": "x"}, "kwargs.row_condition", "Leave it out"),
        (REGEX, {"column": "rating", "regex": "1"}, "kwargs.column", "judges string"),
        (REGEX, {"column": "id"}, "kwargs", "'regex' is missing"),
        (REGEX, {"column": "id", "regex": "^R[0-9"}, "kwargs.regex", "not a regular expression"),
        (REGEX, {"column": "id", "regex": "(?!x)"}, "kwargs.regex", "not a regular expression"),
        (REGEX, {"column": "id", "regex": r"(a)\1"}, "kwargs.regex", "not a regular expression"),
        (IN_SET, {"column": "id", "value_set": []}, "kwargs.value_set", "not a list"),
        (IN_SET, {"column": "id", "value_set": [1]}, "kwargs.value_set", "texts"),
        (IN_SET, {"column": "rating", "value_set": ["1"]}, "kwargs.value_set", "numbers"),
        (LENGTHS, {"column": "id", "min_value": -1}, "kwargs.min_value", "whole number"),
        (LENGTHS, {"column": "id", "min_value": 1.5}, "kwargs.min_value", "whole number"),
        (
            "expect_table_columns_to_match_ordered_list",
            {"column_list": ["rating", "id", "price"]},
            "kwargs.column_list",
            "not the list under `columns`",
        ),
        ("expect_table_row_count_to_equal", {"column": "id", "value": 1}, "kwargs.column", "no such member"),
    ],
)
def test_a_wrong_expectation_is_refused_at_its_member(type_: str, kwargs: dict, member: str, says: str):
    with pytest.raises(ContractProblem) as refused:
        check_expectation(type_, kwargs, COLUMNS)

    assert refused.value.member == member
    assert says in f"{refused.value.what} {refused.value.next_step}"


@pytest.mark.parametrize(
    ("type_", "kwargs", "says"),
    [
        (BETWEEN, {"min_value": 1}, "must be at least 1"),
        (BETWEEN, {"min_value": 0, "max_value": 1, "strict_min": True}, "must be above 0 and at most 1"),
        (BETWEEN, {"max_value": 5, "strict_max": True}, "must be below 5"),
        (LENGTHS, {"min_value": 2, "max_value": 20}, "length must be between 2 and 20 characters"),
    ],
)
def test_bounds_are_put_into_words(type_: str, kwargs: dict, says: str):
    assert SUPPORTED[type_].says(kwargs) == says


def test_every_supported_expectation_exists_in_great_expectations():
    from great_expectations.expectations.registry import get_expectation_impl

    for type_, supported in SUPPORTED.items():
        fields = get_expectation_impl(type_).__fields__
        assert set(supported.members) <= set(fields), type_
        assert ("column" in fields) == supported.is_about_rows, type_


def test_a_contract_is_judged_without_importing_great_expectations():
    program = "import sys, scoring.contract.loading, scoring.contract.check; print('great_expectations' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"

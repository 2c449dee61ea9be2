import copy
from typing import Any

import pytest
from pydantic import ValidationError

from scoring.contract.model import Contract, Expectation

KEY_RULES = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
]
DOCUMENT: dict[str, Any] = {
    "name": "reviews",
    "key": "id",
    "columns": {"id": "string", "rating": "integer", "text": "string"},
    "inputs": {"input1": ["text"]},
    "output": "output1",
    "passthrough": ["rating"],
    "expectations": KEY_RULES,
}


def document(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT) | changes


def test_a_contract_keeps_the_order_of_its_columns():
    assert list(Contract.model_validate(document()).columns) == ["id", "rating", "text"]


def test_a_contract_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Contract.model_validate(document()).key = "text"


def test_an_expectation_says_its_rule_in_words():
    expectation = Expectation(
        type="expect_column_values_to_be_between", kwargs={"column": "rating", "min_value": 1, "max_value": 5}
    )

    assert (expectation.column, expectation.says) == ("rating", "must be between 1 and 5")


def test_an_expectation_about_the_table_has_no_column():
    expectation = Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 1})

    assert not expectation.is_about_rows
    assert expectation.column == ""


def test_an_expectation_is_critical_unless_it_says_otherwise():
    assert Expectation(type="expect_table_row_count_to_equal", kwargs={"value": 1}).severity == "critical"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": "ID"}, "'ID' is not a declared column"),
        ({"passthrough": ["ratings"]}, "'ratings' is not a declared column"),
        ({"inputs": {"input1": ["texts"]}}, "'texts' is not a declared column"),
        ({"inputs": {"input1": []}}, "lists no column"),
        ({"inputs": {"input1": ["text", "text"]}}, "lists 'text' twice"),
        ({"passthrough": ["rating", "rating"]}, "lists 'rating' twice"),
        ({"passthrough": ["id"]}, "lists the key 'id'"),
        ({"inputs": {}}, "at least 1"),
        ({"columns": {}}, "at least 1"),
        ({"expectations": []}, "at least 1"),
        ({"name": "../reviews"}, "pattern"),
        ({"columns": {"id": "string", "<b>": "string"}}, "pattern"),
        ({"columns": {"id": "string", "two\nlines": "string"}}, "pattern"),
        ({"columns": {"id": "string", "rating": "int"}}, "'string', 'integer' or 'float'"),
        ({"expectations": KEY_RULES[:1]}, "No critical expect_column_values_to_be_unique"),
        ({"expectations": [KEY_RULES[0], KEY_RULES[1] | {"severity": "warning"}]}, "No critical"),
        ({"expectations": [*KEY_RULES, KEY_RULES[0]]}, "stands there twice"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        Contract.model_validate(document(**changes))

import copy
import time
from typing import Any

import pytest
from pydantic import ValidationError

from scoring.contract.model import Contract, Expectation, Suite

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
    "suite": {"expectations": KEY_RULES},
}
GOLDEN = {"input": {"text": "Good"}, "output": {"score": "1"}}


def document(**changes: object) -> dict[str, Any]:
    return copy.deepcopy(DOCUMENT) | changes


def row_count(value: float) -> dict[str, Any]:
    return {"type": "expect_table_row_count_to_equal", "kwargs": {"value": value}}


def with_rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"suite": {"expectations": list(rules)}}


def test_a_contract_keeps_the_order_of_its_columns():
    assert list(Contract.model_validate(document()).columns) == ["id", "rating", "text"]


def test_a_contract_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Contract.model_validate(document()).key = "text"


def test_what_is_not_given_is_the_default():
    contract = Contract.model_validate(document())

    assert (contract.dialect.delimiter, contract.dialect.quote, contract.dialect.header) == (",", '"', True)
    assert (contract.sensitive, contract.golden) == ((), ())
    assert (contract.tolerance.share, contract.tolerance.rows) == (None, None)


def test_a_contract_without_a_key_needs_no_rules_about_one_and_keeps_its_passthrough_columns():
    rule = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}

    contract = Contract.model_validate(document(key=None, **with_rules(rule)))

    assert contract.key is None
    assert contract.kept == ("file", "record", "rating")


def test_a_column_called_like_a_part_of_a_rows_place_cannot_be_passed_through_without_a_key():
    columns = {"record": "string", "text": "string"}
    rule = {"type": "expect_column_to_exist", "kwargs": {"column": "text"}}
    wrong = document(columns=columns, key=None, passthrough=["record"], **with_rules(rule))

    with pytest.raises(ValidationError, match="'record', which without a key the predictions have a column of"):
        Contract.model_validate(wrong)

    assert Contract.model_validate(wrong | {"passthrough": []}).kept == ("file", "record")


def test_the_key_is_kept_before_the_passthrough_columns():
    assert Contract.model_validate(document()).kept == ("id", "rating")


def test_a_column_that_goes_to_two_ports_is_scored_once():
    inputs = {"first": ["text", "rating"], "second": ["rating", "id"]}

    assert Contract.model_validate(document(inputs=inputs)).scored == ("text", "rating", "id")


def test_types_and_column_names_of_every_kind_are_taken():
    columns = {
        "id": "string",
        "rating": "integer",
        "text": "string",
        "<b>é 😀": "date",
        "ok": "boolean",
        "price": "float",
    }

    assert Contract.model_validate(document(columns=columns)).columns == columns


def test_a_suite_takes_what_great_expectations_writes_into_it():
    suite = Suite.model_validate(
        {
            "name": "ratings",
            "id": "86092398-65fa-4a60-a22b-6137b6acc865",
            "meta": {"great_expectations_version": "1.24.1"},
            "notes": None,
            "expectations": [
                {
                    "type": "expect_table_row_count_to_be_between",
                    "kwargs": {"min_value": 1},
                    "meta": {},
                    "notes": ["one", "two"],
                    "description": "Rows there must be.",
                    "severity": "warning",
                    "id": "14f4186a-5a50-43f9-b811-9bbf3a0e5472",
                }
            ],
        }
    )

    (expectation,) = suite.expectations
    assert (expectation.severity, expectation.description) == ("warning", "Rows there must be.")


def test_an_expectation_says_its_rule_in_words():
    expectation = Expectation(
        type="expect_column_values_to_be_between", kwargs={"column": "rating", "min_value": 1, "max_value": 5}
    )

    assert (expectation.columns, expectation.says) == (("rating",), "must be between 1 and 5")
    assert expectation.is_about_rows


def test_an_expectation_about_the_table_has_no_column():
    expectation = Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 1})

    assert not expectation.is_about_rows
    assert expectation.columns == ()


def test_an_expectation_is_critical_unless_it_says_otherwise():
    assert Expectation(type="expect_table_row_count_to_equal", kwargs={"value": 1}).severity == "critical"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key": "ID"}, "'ID' is not a declared column"),
        ({"key": None, "passthrough": ["ratings"]}, "'ratings' is not a declared column"),
        ({"passthrough": ["ratings"]}, "'ratings' is not a declared column"),
        ({"sensitive": ["txt"]}, "'txt' is not a declared column"),
        ({"sensitive": ["text", "text"]}, "lists 'text' twice"),
        ({"inputs": {"input1": ["texts"]}}, "'texts' is not a declared column"),
        ({"inputs": {"input1": []}}, "lists no column"),
        ({"inputs": {"input1": ["text", "text"]}}, "lists 'text' twice"),
        ({"passthrough": ["rating", "rating"]}, "lists 'rating' twice"),
        ({"passthrough": ["id"]}, "lists the key 'id'"),
        ({"inputs": {}}, "at least 1"),
        ({"columns": {}}, "at least 1"),
        (with_rules(), "at least 1"),
        ({"name": "../reviews"}, "pattern"),
        ({"columns": {"id": "string", "two\nlines": "string"}}, "pattern"),
        ({"columns": {"id": "string", "": "string"}}, "pattern"),
        ({"columns": {"id": "string", "rating": "int"}}, "'string', 'integer', 'float', 'boolean' or 'date'"),
        ({"dialect": {"delimiter": ";;"}}, "';;' is not one ASCII character"),
        ({"dialect": {"delimiter": "é"}}, "'é' is not one ASCII character"),
        ({"dialect": {"delimiter": '"'}}, "is the delimiter as well"),
        ({"dialect": {"encoding": "utf-16"}}, "'utf-8', 'latin-1'"),
        ({"tolerance": {"share": 1.5}}, "less than or equal to 1"),
        ({"tolerance": {"rows": -1}}, "greater than or equal to 0"),
        ({"golden": [GOLDEN | {"input": {"text": "Good", "rating": "5"}}]}, "'rating' goes to no input port"),
        ({"golden": [GOLDEN, GOLDEN | {"input": {"txet": "Good"}}]}, "'txet' goes to no input port"),
        ({"golden": [GOLDEN], "inputs": {"input1": ["text"], "input2": ["rating"]}}, "'rating', which goes to"),
        ({"golden": [GOLDEN | {"output": {}}]}, "at least 1"),
        ({"golden": [GOLDEN | {"output": {"score": 1}}]}, "valid string"),
        (with_rules(*KEY_RULES[:1]), "No critical expect_column_values_to_be_unique"),
        (with_rules(KEY_RULES[0], KEY_RULES[1] | {"severity": "warning"}), "No critical"),
        (with_rules(*KEY_RULES, KEY_RULES[0]), "stands there twice"),
        (with_rules(*KEY_RULES, KEY_RULES[0] | {"id": "x", "severity": "info"}), "stands there twice"),
        (with_rules(*KEY_RULES, row_count(5), row_count(5.0)), "stands there twice"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes: dict[str, Any], says: str):
    with pytest.raises(ValidationError, match=says):
        Contract.model_validate(document(**changes))


def test_a_wide_contract_is_read_in_seconds():
    columns = [f"c{place}" for place in range(3000)]
    suite = [
        {"type": type_, "kwargs": {"column": column}}
        for column in columns
        for type_ in ("expect_column_values_to_not_be_null", "expect_column_values_to_be_null")
    ]
    golden = {"input": dict.fromkeys(columns, "1"), "output": {"Scored Labels": "1"}}
    started = time.process_time()

    Contract(
        name="wide",
        columns=dict.fromkeys(columns, "string"),
        inputs={"input1": columns},
        output="output1",
        golden=[golden],
        suite={"expectations": suite},
    )

    # It takes a fifth of a second; comparing each with each took 26.
    assert time.process_time() - started < 5

import json
from typing import Any

import pytest

from scoring.contract.docs.published import MAX_TEXT_CHARACTERS, REDACTED, columns_of, drawn, observed, published

PLACES = ["file", "record", "line"]


def result_of(
    figures: dict[str, Any], type_: str = "expect_column_values_to_be_in_set", **kwargs: Any
) -> dict[str, Any]:
    one = {
        "success": False,
        "expectation_config": {"type": type_, "kwargs": {**kwargs, "batch_id": "b"}, "severity": "critical"},
        "result": figures,
        "meta": {},
        "exception_info": {"raised_exception": False},
    }
    meta = {"great_expectations_version": "1", "run_id": {}, "validation_time": "now", "batch_spec": "table"}
    return {"suite_name": "reviews", "success": False, "statistics": {}, "meta": meta, "results": [one]}


def broken(**cells: Any) -> dict[str, Any]:
    value = next(iter(cells.values())) if len(cells) == 1 else list(cells.values())
    return {
        "element_count": 9,
        "unexpected_count": 1,
        "partial_unexpected_list": [value],
        "partial_unexpected_counts": [{"value": value, "count": 1}],
        "unexpected_list": [value],
        "unexpected_index_list": [{**cells, "file": "a.csv", "record": 1, "line": 2}],
        "unexpected_index_column_names": PLACES,
    }


def figures_of(result: dict[str, Any], *sensitive: str) -> dict[str, Any]:
    return published(result, sensitive=sensitive)["results"][0]["result"]


def test_figures_and_examples_are_published():
    figures = figures_of(result_of(broken(word="spam"), column="word"))

    assert figures["element_count"] == 9
    assert figures["partial_unexpected_list"] == ["spam"]
    assert figures["unexpected_index_list"] == [{"word": "spam", "file": "a.csv", "record": 1, "line": 2}]


def test_a_list_that_claims_to_be_all_values_is_not_published():
    assert "unexpected_list" not in figures_of(result_of(broken(word="spam"), column="word"))


def test_long_cells_are_cut():
    figures = figures_of(result_of(broken(word="x" * 9999), column="word"))

    assert len(figures["partial_unexpected_list"][0]) == MAX_TEXT_CHARACTERS


@pytest.mark.parametrize(
    ("figures", "kwargs"),
    [
        (broken(mail="secret"), {"column": "mail"}),
        (broken(word="secret1", mail="secret2"), {"column_A": "word", "column_B": "mail"}),
        (broken(word="secret1", mail="secret2"), {"column_list": ["word", "mail"]}),
        ({"observed_value": "secret"}, {"column": "mail"}),
        ({"observed_value": ["secret", "secret2"]}, {"column": "mail"}),
        ({"observed_value": {"quantiles": [0.5], "values": ["secret"]}, "details": ["secret"]}, {"column": "mail"}),
        ({"observed_value": None, "unexpected_count": 1, "partial_unexpected_list": ["secret"]}, {"column": "mail"}),
        ({"observed_value": None, "missing_count": 1, "partial_missing_list": ["secret"]}, {"column": "mail"}),
        ({"observed_value": 3, "anything": "secret"}, {"column": "mail"}),
    ],
)
def test_nothing_of_a_sensitive_column_is_published(figures: dict[str, Any], kwargs: dict[str, Any]):
    result = result_of(figures, **kwargs)
    assert "secret" in json.dumps(published(result, sensitive=[]))

    hidden = published(result, sensitive=["mail"])

    assert "secret" not in json.dumps(hidden)
    assert "secret" not in json.dumps(drawn(hidden))


def test_of_a_sensitive_column_it_is_told_how_many_rows_break_a_rule_and_where_they_stand():
    figures = figures_of(result_of(broken(mail="secret"), column="mail"), "mail")

    assert figures["unexpected_count"] == 1
    assert figures["unexpected_index_list"] == [{"mail": REDACTED, "file": "a.csv", "record": 1, "line": 2}]


def test_names_of_columns_are_no_secret():
    names = {"observed_value": ["word", "mail"]}
    result = result_of(names, "expect_table_columns_to_match_ordered_list", column_list=["word", "mail"])

    assert figures_of(result, "mail") == names


def test_what_great_expectations_adds_for_itself_is_left_out():
    stored = published(result_of(broken(word="x"), column="word"), sensitive=[])

    assert stored["results"][0]["expectation_config"]["kwargs"] == {"column": "word"}
    assert set(stored["meta"]) == {"great_expectations_version", "run_id", "validation_time"}


def test_a_page_is_drawn_with_a_row_in_one_text_and_its_place_in_another():
    result = published(result_of(broken(n=3, price=None), column_A="n", column_B="price"), sensitive=[])

    figures = drawn(result)["results"][0]["result"]

    assert figures["partial_unexpected_counts"] == [{"value": "n = 3, price = (empty)", "count": 1}]
    assert figures["unexpected_index_list"] == [{"value": "n = 3, price = (empty)", "where": "a.csv line 2"}]


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({}, ""),
        ({"element_count": 3, "unexpected_count": 1}, ""),
        ({"observed_value": 7.25}, "it is 7.25"),
        ({"observed_value": 0}, "it is 0"),
        ({"observed_value": 9.0}, "it is 9"),
        ({"observed_value": REDACTED}, f"it is {REDACTED}"),
        ({"observed_value": "a\nb"}, r"it is 'a\nb'"),
        ({"observed_value": None}, "there is no value"),
        ({"observed_value": []}, "there is no value"),
        ({"observed_value": ["a"]}, "it is 'a'"),
        ({"observed_value": ["a", 2.0]}, "they are 'a', 2"),
        ({"observed_value": {"quantiles": [0.5], "values": [None]}}, "there is no value"),
        ({"observed_value": {"quantiles": [0.5, 1], "values": [3.0, 9.5]}}, "quantile 0.5 is 3, quantile 1 is 9.5"),
        ({"observed_value": None, "partial_unexpected_list": ["a\nb", 1]}, r"'a\nb', 1 are unexpected"),
        (
            {
                "observed_value": None,
                "unexpected_count": 70_000,
                "partial_unexpected_list": ["x" * 200] * 20,
                "partial_missing_list": ["b"],
            },
            ", ".join(["'" + "x" * 80 + "'…"] * 5) + " and 69,995 more are unexpected; 'b' is missing",
        ),
    ],
)
def test_what_was_observed_is_put_into_words(figures: dict[str, Any], text: str):
    assert observed(figures) == text


def test_the_columns_of_an_expectation_are_those_whose_cells_it_judges():
    assert columns_of({"type": "expect_column_pair", "kwargs": {"column_A": "a", "column_B": "b"}}) == ["a", "b"]
    assert columns_of({"type": "expect_compound", "kwargs": {"column_list": ["a", "b"]}}) == ["a", "b"]
    assert columns_of({"type": "expect_table_columns", "kwargs": {"column_list": ["a", "b"]}}) == []

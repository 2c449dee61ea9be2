import copy
from pathlib import Path
from typing import Any

import pytest

from scoring.contract.docs.metrics import ALL_RECORDS, MetricAnswers, UnknownMetric, place_names
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule
from tests.scoring.contract.finished_pass import contract_of, expectation, pass_over

COLUMNS = {"id": "string", "n": "integer", "price": "float"}
ROWS = [("a", "1", "0.5"), ("b", "nine", "2.5"), (None, "9", None), ("a", "7", "1")]
SUITE = [
    expectation("expect_column_values_to_not_be_null", column="id"),
    expectation("expect_column_values_to_be_between", column="n", min_value=1, max_value=5),
    expectation("expect_column_values_to_be_between", column="n", min_value=1, max_value=8),
    expectation("expect_column_pair_values_a_to_be_greater_than_b", column_A="n", column_B="price"),
    expectation("expect_compound_columns_to_be_unique", column_list=["id", "n"]),
    expectation("expect_column_mean_to_be_between", column="n", min_value=1),
    expectation("expect_column_distinct_values_to_be_in_set", column="id", value_set=["a"]),
]


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Profile, tuple[Rule, ...]]:
    return pass_over(contract_of(COLUMNS, *SUITE), ROWS, tmp_path, n_unreadable=2)


@pytest.fixture
def answers(finished: tuple[Profile, tuple[Rule, ...]]) -> MetricAnswers:
    profile, rules = finished
    return MetricAnswers(profile, [(rule, rule.configuration["kwargs"]) for rule in rules])


def between(leaf: str, highest: float, **more: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return f"column_values.between.{leaf}", {"column": "n"}, {"min_value": 1, "max_value": highest, **more}


def test_expectations_with_other_bounds_have_other_answers(answers: MetricAnswers):
    assert answers.answer(*between("unexpected_count", 5)) == 2
    assert answers.answer(*between("unexpected_count", 8)) == 1


def test_values_are_of_the_declared_type_and_stand_at_a_place(answers: MetricAnswers):
    assert answers.answer(*between("unexpected_values", 5)) == [9, 7]
    assert answers.answer(*between("unexpected_index_list", 8)) == [
        {"n": 9, "file": "reviews.csv", "record": 3, "line": 4}
    ]


def test_a_cell_that_is_not_of_its_type_is_shown_as_it_stands(answers: MetricAnswers):
    assert answers.answer("column_values.of_type.unexpected_values", {"column": "n"}, {"type_": "int"}) == ["nine"]


def test_what_great_expectations_fills_in_asks_for_the_same_rule(answers: MetricAnswers):
    filled = {"strict_min": False, "strict_max": None, "result_format": {"result_format": "COMPLETE"}, "mostly": 1}

    assert answers.answer(*between("unexpected_count", 5, **filled)) == 2
    pair = {"column_A": "n", "column_B": "price", "ignore_row_if": "both_values_are_missing"}
    assert answers.answer("column_pair_values.a_greater_than_b.filtered_row_count", pair, {"or_equal": False}) == 4


def test_values_of_several_columns_come_as_a_pair_or_by_column(answers: MetricAnswers):
    pair = {"column_A": "n", "column_B": "price"}

    assert answers.answer("column_pair_values.a_greater_than_b.unexpected_values", pair, {}) == [(9, None)]
    together = {"column_list": ["id", "n"]}
    assert answers.answer("compound_columns.unique.unexpected_count", together, {}) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("column_values.nonnull.unexpected_count", 1),
        ("column.distinct_values.not_in_set", ["b"]),
        ("column.distinct_values.not_in_set.count", 1),
        ("column.distinct_values.missing_from_column", []),
        ("column.non_null_count", 3),
        ("column.non_null_proportion", 0.75),
        ("column_values.between.condition", None),
    ],
)
def test_columns_are_answered_from_what_was_counted(answers: MetricAnswers, name: str, expected: Any):
    assert answers.answer(name, {"column": "id"}, {"value_set": ["a"]}) == expected


def test_the_table_is_the_readable_rows(answers: MetricAnswers):
    assert answers.answer("table.row_count", {}, {}) == 4
    assert answers.answer("table.columns", {}, {}) == list(COLUMNS)
    assert answers.answer("table.column_count", {}, {}) == 3


def test_records_are_counted_whether_they_could_be_read_or_not(answers: MetricAnswers):
    records = {"column": "(record structure)", "row_condition": {"pass_through_filter": ALL_RECORDS}}

    assert answers.answer("table.row_count", records, {}) == 6
    assert answers.answer("column_values.null.unexpected_count", records, {}) == 2


@pytest.mark.parametrize(
    ("name", "domain", "arguments"),
    [
        between("unexpected_count", 6),
        between("unexpected_rows", 5),
        ("column_values.between.unexpected_count", {"column": "id"}, {"min_value": 1, "max_value": 5}),
        ("column_values.z_score.under_threshold.unexpected_count", {"column": "n"}, {}),
        ("column.mean", {"column": "price"}, {}),
        ("column.median", {"column": "n"}, {}),
        ("column.histogram", {"column": "n"}, {}),
        ("table.head", {}, {}),
        ("table.row_count", {"row_condition": "n > 1"}, {}),
        ("column_values.between.unexpected_count", {"column": "n", "row_condition": "n > 1"}, {"max_value": 5}),
    ],
)
def test_what_was_not_counted_is_an_error(
    answers: MetricAnswers, name: str, domain: dict[str, Any], arguments: dict[str, Any]
):
    with pytest.raises(LookupError):
        answers.answer(name, domain, arguments)


def test_rules_that_great_expectations_takes_for_one_are_not_answered(tmp_path: Path):
    bounds = (2**53, 2**53 + 1)
    suite = [expectation("expect_column_values_to_be_between", column="n", max_value=one) for one in bounds]
    profile, rules = pass_over(contract_of(COLUMNS, *suite), ROWS, tmp_path)
    seen_by_gx = [
        (rule, {"column": "n", "max_value": float(rule.configuration["kwargs"].get("max_value", 0))}) for rule in rules
    ]

    with pytest.raises(UnknownMetric, match="2 rules have the metric"):
        MetricAnswers(profile, seen_by_gx).answer(
            "column_values.between.unexpected_count", {"column": "n"}, {"max_value": float(2**53)}
        )


def test_a_suite_that_repeats_a_declared_type_is_answered_by_it(tmp_path: Path):
    repeated = expectation("expect_column_values_to_be_of_type", column="n", type_="int")
    profile, rules = pass_over(contract_of(COLUMNS, repeated), ROWS, tmp_path)
    answers = MetricAnswers(profile, [(rule, rule.configuration["kwargs"]) for rule in rules])

    assert answers.answer("column_values.of_type.unexpected_count", {"column": "n"}, {"type_": "int"}) == 1


def test_answers_are_never_copied(answers: MetricAnswers):
    assert copy.deepcopy({"answers": answers})["answers"] is answers


def test_places_are_called_what_no_column_is_called():
    assert place_names(["id"]) == ("file", "record", "line")
    assert place_names(["line", "line of the row"]) == ("file", "record", "line of the row of the row")

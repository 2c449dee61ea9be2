import pytest

from tests.scoring.contract.judged import broken, expect

NUMBERS = ["1", "5", "9", "five", None]
TYPES = {"number": "integer"}


@pytest.mark.parametrize(
    ("expectation", "rows"),
    [
        (expect("column_values_to_not_be_null", column="number"), [4]),
        (expect("column_values_to_be_null", column="number"), [0, 1, 2]),
        (expect("column_values_to_be_between", column="number", min_value=1, max_value=5), [2]),
        (expect("column_values_to_be_between", column="number", min_value=1, strict_min=True), [0]),
        (expect("column_values_to_be_between", column="number", min_value=0, max_value=99), []),
        (expect("column_values_to_be_in_set", column="number", value_set=[1, 5.0]), [2]),
        (expect("column_values_to_be_in_set", column="number", value_set=[1.5, 1e300]), [0, 1, 2]),
        (expect("column_values_to_not_be_in_set", column="number", value_set=[9, 10]), [2]),
        (expect("column_values_to_not_be_in_set", column="number", value_set=[10]), []),
    ],
)
def test_a_cell_that_is_not_of_its_type_breaks_no_rule_about_its_value(expectation: dict, rows: list[int]):
    assert broken(TYPES, expectation, {"number": NUMBERS}) == rows


@pytest.mark.parametrize(
    ("expectation", "rows"),
    [
        (expect("column_values_to_be_in_set", column="word", value_set=["en", "de"]), [2]),
        (expect("column_values_to_be_in_set", column="word", value_set=["en", "de", "xx"]), []),
        (expect("column_values_to_not_be_in_set", column="word", value_set=["xx"]), [2]),
        (expect("column_values_to_be_null", column="word"), [0, 1, 2]),
    ],
)
def test_texts_are_looked_up_as_they_stand(expectation: dict, rows: list[int]):
    assert broken({"word": "string"}, expectation, {"word": ["en", "de", "xx", None]}) == rows


def test_a_clean_column_breaks_nothing():
    present = expect("column_values_to_not_be_null", column="word")
    absent = expect("column_values_to_be_null", column="word")

    assert broken({"word": "string"}, present, {"word": ["a", "b"]}) == []
    assert broken({"word": "string"}, absent, {"word": [None, None]}) == []


def test_dates_are_compared_with_dates():
    since = expect("column_values_to_be_between", column="day", min_value="2026-01-01", max_value="2026-12-31")

    assert broken({"day": "date"}, since, {"day": ["2026-05-05", "2025-12-31", "soon", None, "2027-01-01"]}) == [1, 4]


def test_floats_are_compared_with_floats():
    prices = expect("column_values_to_be_in_set", column="price", value_set=[1, 2.5])

    assert broken({"price": "float"}, prices, {"price": ["1.0", "2.50", "1e0", "3"]}) == [3]

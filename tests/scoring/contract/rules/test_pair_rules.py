import pytest

from tests.scoring.contract.judged import broken, expect

EQUAL = "column_pair_values_to_be_equal"
GREATER = "column_pair_values_a_to_be_greater_than_b"
IN_SET = "column_pair_values_to_be_in_set"


def found(types: tuple[str, str], rule: str, rows: list[tuple[str | None, str | None]], **kwargs: object) -> list[int]:
    first, second = zip(*rows, strict=True)
    expectation = expect(rule, column_A="a", column_B="b", **kwargs)
    return broken({"a": types[0], "b": types[1]}, expectation, {"a": first, "b": second})


MISSING = [("1", "1"), (None, "1"), ("1", None), (None, None), ("x", "1"), ("2", "1")]


@pytest.mark.parametrize(
    ("ignore_row_if", "rows"),
    [
        (None, [1, 2, 5]),
        ("both_values_are_missing", [1, 2, 5]),
        ("either_value_is_missing", [5]),
        ("neither", [1, 2, 3, 5]),
    ],
)
def test_a_missing_cell_equals_nothing_unless_the_row_is_ignored(ignore_row_if: str | None, rows: list[int]):
    assert found(("integer", "integer"), EQUAL, MISSING, ignore_row_if=ignore_row_if) == rows


def test_integers_and_floats_are_compared_as_numbers():
    assert found(("integer", "float"), EQUAL, [("1", "1.0"), ("1", "1.5")]) == [1]


@pytest.mark.parametrize(("or_equal", "rows"), [(False, [1, 2]), (True, [2])])
def test_the_first_may_have_to_be_greater_or_may_be_equal(or_equal: bool, rows: list[int]):
    assert (
        found(("date", "date"), GREATER, [("2026-02-01", "2026-01-31"), ("a", "a"), ("a", "b")], or_equal=or_equal)
        == []
    )
    assert found(("string", "string"), GREATER, [("b", "a"), ("a", "a"), ("a", "b")], or_equal=or_equal) == rows


def test_a_row_with_a_missing_cell_is_not_greater():
    assert found(("integer", "integer"), GREATER, [("2", "1"), ("2", None), (None, None)]) == [1]


def test_pairs_are_looked_up_together():
    pairs = [["de", 1], ["fr", 2], [None, 3]]
    rows = [("de", "1"), ("fr", "1"), ("fr", "2"), (None, "3"), ("de", None), ("xx", "1"), ("de", "x"), (None, None)]

    assert found(("string", "integer"), IN_SET, rows, value_pairs_set=pairs) == [1, 4, 5]
    assert found(("string", "integer"), IN_SET, rows[:1], value_pairs_set=pairs) == []


def test_a_pair_may_be_of_nothing_at_all():
    rows = [(None, None), ("de", None)]

    assert found(("string", "integer"), IN_SET, rows, value_pairs_set=[[None, None]], ignore_row_if="neither") == [1]
    assert found(("string", "integer"), IN_SET, rows, value_pairs_set=[["en", 1.5]], ignore_row_if="neither") == [0, 1]

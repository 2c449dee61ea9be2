import pytest

from tests.scoring.contract.judged import broken, expect

SUM = "multicolumn_sum_to_equal"
EQUAL = "multicolumn_values_to_be_equal"
WITHIN = "select_column_values_to_be_unique_within_record"


def found(types: str, rule: str, rows: list[tuple[str | None, ...]], **kwargs: object) -> list[int]:
    names = [f"c{place}" for place in range(len(types.split()))]
    expectation = expect(rule, column_list=names, **kwargs)
    return broken(
        dict(zip(names, types.split(), strict=True)),
        expectation,
        dict(zip(names, zip(*rows, strict=True), strict=True)),
    )


ROWS = [("1", "2", "3"), ("1", "1", "1"), (None, "3", "3"), (None, None, "6"), (None, None, None), ("x", "9", "9")]


@pytest.mark.parametrize(
    ("rule", "ignore_row_if", "rows"),
    [
        (SUM, None, [1, 2, 3]),
        (SUM, "any_value_is_missing", [1]),
        (SUM, "never", [1, 2, 3, 4]),
        (EQUAL, None, [0, 2, 3]),
        (EQUAL, "any_value_is_missing", [0]),
        (EQUAL, "never", [0, 2, 3]),
        (WITHIN, None, [1, 2, 3]),
        (WITHIN, "any_value_is_missing", [1]),
        (WITHIN, "never", [1, 2, 3, 4]),
    ],
)
def test_missing_cells_have_no_sum_and_equal_each_other_unless_the_row_is_ignored(
    rule: str, ignore_row_if: str | None, rows: list[int]
):
    total = {"sum_total": 6} if rule == SUM else {}

    assert found("integer integer integer", rule, ROWS, ignore_row_if=ignore_row_if, **total) == rows


def test_a_clean_block_breaks_nothing():
    assert found("integer integer", SUM, [("1", "2")], sum_total=3) == []
    assert found("string string", EQUAL, [("a", "a")]) == []
    assert found("string string", WITHIN, [("a", "b")]) == []


def test_the_sum_of_many_large_integers_is_exact():
    largest = "9" * 18
    total = 12 * int(largest)

    assert found("integer " * 12, SUM, [(largest,) * 12, (*(largest,) * 11, "1")], sum_total=total) == [1]
    assert found("integer " * 9, SUM, [(largest,) * 9], sum_total=9 * int(largest)) == []


def test_floats_add_up_as_floats():
    assert found("float float", SUM, [("0.5", "0.25"), ("0.5", "0.5")], sum_total=0.75) == [1]


def test_a_number_and_a_text_in_one_row_differ():
    assert found("integer string", WITHIN, [("1", "1"), (None, None)], ignore_row_if="never") == [1]

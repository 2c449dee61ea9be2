import pytest

from tests.scoring.contract.judged import broken, expect

CELLS = ["1", "1.5", "true", "2026-11-28", "word", None]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("int", [1, 2, 3, 4]),
        ("int64", [1, 2, 3, 4]),
        ("BIGINT", [1, 2, 3, 4]),
        ("float", [2, 3, 4]),
        ("number", [2, 3, 4]),
        ("bool", [0, 1, 3, 4]),
        ("date", [0, 1, 2, 4]),
        ("str", []),
        ("StringType", []),
    ],
)
def test_a_text_is_of_a_type_if_it_reads_as_one(name: str, rows: list[int]):
    assert (
        broken({"cell": "string"}, expect("column_values_to_be_of_type", column="cell", type_=name), {"cell": CELLS})
        == rows
    )


def test_one_type_of_a_list_is_enough():
    either = expect("column_values_to_be_in_type_list", column="cell", type_list=["INTEGER", "int", "bool"])

    assert broken({"cell": "string"}, either, {"cell": CELLS}) == [1, 3, 4]


def test_a_cell_that_is_not_of_its_declared_type_is_not_of_the_same_type_in_the_suite():
    rule = expect("column_values_to_be_of_type", column="rating", type_="int")

    assert broken({"rating": "integer"}, rule, {"rating": ["1", "five", None, "2"]}) == [1]

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.typed import typed_column


def typed(type_: str, *cells: str) -> list:
    return typed_column(pd.Series(cells, dtype="str"), type_).tolist()


@pytest.mark.parametrize(
    ("cell", "value"), [("5", 5), ("007", 7), ("-3", -3), ("+4", 4), ("999999999999999999", 999999999999999999)]
)
def test_digits_are_an_integer(cell: str, value: int):
    assert typed("integer", cell) == [value]


@pytest.mark.parametrize(
    "cell",
    ["five", "5.0", " 5", "1e3", "1_000", "\N{ARABIC-INDIC DIGIT FIVE}", "5\n", "--1", "+", "1" * 19, "NA", "true"],
)
def test_what_is_not_an_integer_stays_the_text_it_is(cell: str):
    assert typed("integer", cell) == [cell]


@pytest.mark.parametrize(("cell", "value"), [("4", 4.0), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0)])
def test_decimals_and_exponents_are_a_float(cell: str, value: float):
    assert typed("float", cell) == [value]


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "1,5", ".", "e5", "0x10", "1_0.0", " 1.0", "1.0\n"])
def test_what_is_not_a_float_stays_the_text_it_is(cell: str):
    assert typed("float", cell) == [cell]


@pytest.mark.parametrize("type_", ["string", "integer", "float"])
def test_an_empty_cell_is_missing(type_: str):
    assert pd.isna(typed(type_, "", "1")[0])


def test_one_bad_cell_leaves_its_neighbours_numbers():
    assert typed("integer", "1", "five", "", "3") == [1, "five", None, 3]


@given(st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_every_integer_of_18_digits_is_read_exactly(number: int):
    assert typed("integer", str(number)) == [number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_that_python_prints_is_read_exactly(number: float):
    assert typed("float", repr(number)) == [number]

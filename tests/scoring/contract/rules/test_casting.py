import datetime as dt
import math
import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.rules.casting import byte_lengths, typed, utf8_bytes

# Every cell that follows is read alone, so that nothing but it can send the column to the slower reading.
INTEGERS = {"5": 5, "007": 7, "-3": -3, "+4": 4, "-0": 0, "9" * 18: 10**18 - 1, "-" + "9" * 18: 1 - 10**18}
NO_INTEGERS = [
    "five",
    "5.0",
    " 5",
    "5 ",
    "1e3",
    "1_000",
    "\N{ARABIC-INDIC DIGIT FIVE}",
    "5\n",
    "--1",
    "+",
    "-",
    "1" * 19,
    "0" * 19,
    "NA",
    "0x10",
]
FLOATS = {
    "4": 4.0,
    "-0.5": -0.5,
    ".5": 0.5,
    "1.": 1.0,
    "1e3": 1000.0,
    "+.5E-01": 0.05,
    "1e-9999": 0.0,
    "9" * 308: 1e308,
}
NO_FLOATS = [
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "1e999",
    "9" * 400,
    "1,5",
    ".",
    "e5",
    "0x10",
    "1_0.0",
    " 1.0",
    "1.0\n",
    "1e00003",
]
BOOLEANS = ["true", "False", "tRuE"]
NO_BOOLEANS = ["yes", "1", "true ", "tru\N{CYRILLIC SMALL LETTER IE}", "true\n", "untrue"]
DATES = ["2026-11-28", "0001-01-01", "9999-12-31", "2024-02-29"]
NO_DATES = [
    "2026-2-03",
    "2023-02-29",
    "2026-13-01",
    "0000-01-01",
    "20260101",
    "2026-W01-1",
    "\N{FULLWIDTH DIGIT TWO}026-11-28",
    " 2026-1-2",
    "2026-11-28T00",
]


def values(type_: str, *cells: str | None) -> list:
    return typed(pa.array(cells, pa.string()), type_).values.to_pylist()


def wrong(type_: str, *cells: str | None) -> list[bool | None]:
    mask = typed(pa.array(cells, pa.string()), type_).not_of_type
    return [False] * len(cells) if mask is None else mask.to_pylist()


@pytest.mark.parametrize(("cell", "value"), INTEGERS.items())
def test_digits_are_an_integer(cell: str, value: int):
    assert (values("integer", cell), wrong("integer", cell)) == ([value], [False])


@pytest.mark.parametrize("cell", NO_INTEGERS)
def test_what_is_not_an_integer_has_no_value_and_is_told(cell: str):
    assert (values("integer", cell), wrong("integer", cell)) == ([None], [True])


@pytest.mark.parametrize(("cell", "value"), FLOATS.items())
def test_decimals_and_exponents_are_a_float(cell: str, value: float):
    assert (values("float", cell), wrong("float", cell)) == ([pytest.approx(value)], [False])


@pytest.mark.parametrize("cell", NO_FLOATS)
def test_what_is_not_a_finite_number_has_no_value_and_is_told(cell: str):
    assert (values("float", cell), wrong("float", cell)) == ([None], [True])


@pytest.mark.parametrize(
    ("type_", "cell"),
    [*(("boolean", cell) for cell in BOOLEANS), *(("date", cell) for cell in DATES), ("string", "anything")],
)
def test_booleans_and_dates_stay_the_text_they_are(type_: str, cell: str):
    assert (values(type_, cell), wrong(type_, cell)) == ([cell], [False])


@pytest.mark.parametrize(
    ("type_", "cell"),
    [*(("boolean", cell) for cell in NO_BOOLEANS), *(("date", cell) for cell in NO_DATES)],
)
def test_what_is_no_boolean_or_date_has_no_value_and_is_told(type_: str, cell: str):
    assert (values(type_, cell), wrong(type_, cell)) == ([None], [True])


@pytest.mark.parametrize("type_", ["string", "integer", "float", "boolean", "date"])
def test_an_empty_cell_is_missing_and_not_wrong(type_: str):
    assert (values(type_, None), wrong(type_, None)) == ([None], [False])
    assert values(type_) == []


def test_one_bad_cell_leaves_its_neighbours_their_values():
    assert values("integer", "1", "five", None, "+3") == [1, None, None, 3]
    assert wrong("integer", "1", "five", None, "+3") == [False, True, None, False]
    assert values("date", "2026-11-28", "soon", None) == ["2026-11-28", None, None]


def test_a_part_of_a_longer_column_is_read_by_itself():
    column = pa.array(["five", "1", "2", "six"])

    assert typed(column.slice(1, 2), "integer").values.to_pylist() == [1, 2]
    assert bytes(utf8_bytes(column.slice(1, 3))) == b"12six"
    assert byte_lengths(column.slice(2)).tolist() == [1, 3]


@given(st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_every_integer_of_18_digits_is_read_exactly(number: int):
    assert values("integer", str(number)) == [number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_that_python_prints_is_read_exactly(number: float):
    assert values("float", repr(number)) == [number]


@given(st.dates())
def test_every_day_is_a_date(day: dt.date):
    assert wrong("date", day.isoformat(), None) == [False, False]


_NEARLY_NUMBERS = st.text("0123456789+-.eExXnaif _", max_size=22)


@given(st.lists(st.one_of(st.none(), _NEARLY_NUMBERS.filter(bool)), max_size=6))
def test_a_column_is_read_as_its_cells_are_one_by_one(cells: list[str | None]):
    integer = re.compile(r"[+-]?[0-9]{1,18}")
    number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")

    assert values("integer", *cells) == [int(cell) if cell and integer.fullmatch(cell) else None for cell in cells]
    assert values("float", *cells) == [
        float(cell) if cell and number.fullmatch(cell) and math.isfinite(float(cell)) else None for cell in cells
    ]

import csv
import io
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.declaration import Column
from service.errors import ScoringFailed
from service.tables import BadCell, as_text, header_line, line_of, read_blocks, table_of, typed

TEXT = Column(name="Col2")
COLUMNS = tuple(
    Column.model_validate({"name": kind, "type": kind})
    for kind in ("String", "Int32", "Int64", "Double", "Boolean", "DateTime")
)


def opener(content: bytes) -> Callable[[], io.BufferedReader]:
    return lambda: io.BufferedReader(io.BytesIO(content))


def texts(content: bytes, delimiter: str = ",") -> list[str]:
    return [text for block in read_blocks(opener(content), [TEXT], delimiter) for text in block["Col2"].to_pylist()]


# NUL and carriage returns inside of unquoted cells are what no two readers of CSV agree upon.
CELL = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=200)
@given(rows=st.lists(st.tuples(CELL, CELL), max_size=20), delimiter=st.sampled_from(",\t"))
def test_whatever_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("Id", "Col2"), *rows])
    assert texts(content.getvalue().encode(), delimiter) == [cell for _, cell in rows]


@settings(max_examples=200)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_rows_or_a_fault_that_is_told(content: bytes) -> None:
    with suppress(ScoringFailed):
        texts(b"Id,Col2\n" + content)


def batch(**columns: list[str]) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def test_cells_get_the_declared_types_and_empty_ones_are_null_unless_text() -> None:
    rows = batch(
        String=["a", ""], Int32=[" 1 ", ""], Int64=["-2", ""], Double=["1e3", ""], Boolean=["True", ""],
        DateTime=["2024-08-31T00:00:00", ""],
    )  # fmt: skip
    result = typed(rows, COLUMNS).to_pylist()
    assert list(result[0].values())[:5] == ["a", 1, -2, 1000.0, True]
    assert list(result[1].values()) == ["", None, None, None, None, None]


@pytest.mark.parametrize(
    ("column", "cell"),
    [("Int32", "2147483648"), ("Int32", "1.5"), ("Double", "many"), ("Boolean", "maybe"), ("DateTime", "yesterday")],
)
@pytest.mark.parametrize("row", [0, 1, 499, 999])
def test_first_cell_that_does_not_fit_is_found(column: str, cell: str, row: int) -> None:
    good = {"Int32": "1", "Double": "1.0", "Boolean": "true", "DateTime": "2024-08-31"}[column]
    cells = [good] * 1000
    cells[row] = cell
    cells[-1] = cell
    with pytest.raises(BadCell) as caught:
        typed(batch(**{column: cells}), [Column.model_validate({"name": column, "type": column})])
    assert (caught.value.row, caught.value.column, caught.value.type_name) == (row, column, column)


def test_whole_number_that_is_written_as_a_fraction_is_an_integer() -> None:
    batch = pa.record_batch([pa.array(["5.0", "-7.", "3", None])], names=["Int32"])
    assert typed(batch, [COLUMNS[1]])["Int32"].to_pylist() == [5, -7, 3, None]


def test_line_of_a_row_counts_blank_lines_and_breaks_in_cells() -> None:
    content = b'Id,Col2\r\n1,a\r\n\r\n2,"b\nc"\n3,d\n'
    assert [line_of(opener(content), ",", row) for row in range(3)] == [2, 4, 6]


def test_header_is_quoted_only_where_it_must_be() -> None:
    assert header_line(["Col2_HashingFeature.0", "a,b"], ",") == b'Col2_HashingFeature.0,"a,b"\n'


def test_values_on_the_wire_are_texts_or_null() -> None:
    assert as_text(pa.array([True, False, None])).to_pylist() == ["True", "False", None]
    assert as_text(pa.array([1, None])).to_pylist() == ["1", None]
    assert as_text(pa.array(["a"])).to_pylist() == ["a"]


def test_results_side_by_side_are_the_declared_columns() -> None:
    columns = [Column(name="label"), Column.model_validate({"name": "p0", "type": "Double"}),
               Column.model_validate({"name": "p1", "type": "Double"})]  # fmt: skip
    table = table_of([np.array(["yes", "no"]), np.array([[0.1, 0.9], [0.8, 0.2]])], columns)
    assert table.to_pylist() == [{"label": "yes", "p0": 0.1, "p1": 0.9}, {"label": "no", "p0": 0.8, "p1": 0.2}]


def test_results_without_rows_have_the_declared_columns() -> None:
    assert table_of([], [TEXT]).num_rows == 0
    assert table_of([np.empty((0, 3))], [TEXT]).schema.names == ["Col2"]


def test_results_of_another_width_or_type_fail() -> None:
    with pytest.raises(ScoringFailed, match="gives 2 columns, and 1 are declared"):
        table_of([np.zeros((4, 2))], [TEXT])
    with pytest.raises(ScoringFailed, match="do not have the declared types"):
        table_of([np.array(["a"])], [Column.model_validate({"name": "n", "type": "Int32"})])

"""Our own CSV: the same bytes as the standard library writes, and its first columns read again."""

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.csv_text import LINE_END, header_as_csv, leading_columns, rows_as_csv
from tests.scoring.accepting import AWKWARD, write_csv

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
cells = st.one_of(st.none(), texts, st.sampled_from(AWKWARD))
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=20))


def as_columns(rows):
    return [pa.array(column, type=pa.string()) for column in zip(*rows, strict=True)]


def by_the_standard_library(rows):
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator=LINE_END).writerows([[cell or "" for cell in row] for row in rows])
    return target.getvalue().encode()


@given(rows=tables)
def test_rows_are_written_as_the_standard_library_writes_them(rows):
    assert bytes(rows_as_csv(as_columns(rows))) == by_the_standard_library(rows)


@given(rows=tables, data=st.data())
def test_the_bytes_are_the_same_in_one_go_and_in_parts(rows, data):
    batch = pa.RecordBatch.from_arrays(as_columns(rows), names=[str(place) for place in range(len(rows[0]))])
    cut = data.draw(st.integers(0, len(rows)))
    parts = [batch.slice(0, cut), batch.slice(cut)]
    assert b"".join(rows_as_csv(part.columns) for part in parts) == bytes(rows_as_csv(batch.columns))


@pytest.mark.parametrize("names", [["key", "p"], [""], ["", ""], ['a "b"', "c, d"], ["two\r\nlines"]])
def test_a_header_is_a_row(names):
    assert bytes(header_as_csv(names)) == by_the_standard_library([names])


@given(rows=tables, n_columns=st.integers(1, 4))
def test_the_first_columns_are_read_as_they_were_written(tmp_path_factory, rows, n_columns):
    path = tmp_path_factory.mktemp("text") / "rows.csv"
    names = ["one", "other", "one", "other"][: len(rows[0])]
    path.write_bytes(b"".join([header_as_csv(names), rows_as_csv(as_columns(rows))]))
    n_columns = min(n_columns, len(names))
    read = [row for batch in leading_columns(path, names[:n_columns]) for row in zip(*batch.columns, strict=True)]
    assert [[cell.as_py() for cell in row] for row in read] == [
        [cell or None for cell in row[:n_columns]] for row in rows
    ]


@pytest.mark.parametrize("n_long", [1, 3])
def test_rows_before_and_after_one_that_is_longer_than_a_block_are_read_once(tmp_path, n_long):
    # A block is 1 MiB.
    rows = [[str(row), "x" * 100] for row in range(30_000)]
    for place in range(n_long):
        rows[20_000 + place] = [str(20_000 + place), "x" * 7_000_000]
    path = write_csv(tmp_path / "rows.csv", [["key", "text"], *rows])
    batches = list(leading_columns(path, ["key"]))
    assert len(batches) > 1
    assert [cell for batch in batches for cell in batch.column(0).to_pylist()] == [row[0] for row in rows]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Empty CSV file"),
        (b"key\r\na\r\n", "'f1' in include_columns does not exist"),
        (b"key,other\r\na,b\r\n", r"its first columns are \['key', 'other'\] instead of \['key', 'note'\]"),
        (b"key,note\r\na,b\r\nc\r\n", "Expected 2 columns, got 1"),
        (b"key,note\r\na,b\r\nc,\xff\r\n", "invalid UTF8"),
    ],
    ids=["empty", "too few columns", "other columns", "ragged", "not UTF-8"],
)
def test_a_file_that_was_not_written_like_that_is_named(tmp_path, content, why):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=rf"rows\.csv' is not as it was written: .*{why}"):
        list(leading_columns(path, ["key", "note"]))

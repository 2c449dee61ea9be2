"""Files as they should not be: what is found does not depend on how much is read at once, and no good row is lost."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.contract.reading import cutting
from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from tests.scoring.contract.reading.read_bytes import read_bytes

PIECES = [b"a", b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"x y", b'"q"', b'"a,b"', b'"a\nb"', b"\0", b"\xff", b",,"]
PIECES += [
    "ä€\N{BYTE ORDER MARK}".encode(),
    "\N{BYTE ORDER MARK}".encode(),
    b'"",""',
    b"a,b\n",
    b'"a","b"\n',
    b"a,b\r\n",
    b'a,"b\r\nb"\n',
]

cells = st.text(st.sampled_from('ab ,"\n\r;äé日\t\N{BYTE ORDER MARK}'), max_size=6)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12)
)


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch):
    """The strict reader's window is so small that records of these files cross it."""
    monkeypatch.setattr(cutting, "STRICT_BYTES", 8)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=24), chunk_bytes=st.integers(1, 40), width=st.integers(1, 3))
def test_what_is_found_does_not_depend_on_how_much_is_read_at_once(pieces, chunk_bytes, width):
    data = b"".join(pieces)

    assert read_bytes(data, width, chunk_bytes=chunk_bytes) == read_bytes(data, width, chunk_bytes=1 << 20)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables, line_end=st.sampled_from(["\r\n", "\n"]), quoting=st.sampled_from([0, 1]), chunk=st.integers(1, 99)
)
def test_what_pythons_strict_csv_reads_is_read_the_same(table, line_end, quoting, chunk):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(table)
    expected = [tuple(row) for row in csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True)]

    found = read_bytes(text.getvalue().encode(), len(table[0]), chunk_bytes=chunk)

    # Where line ends are LF alone, Python leaves a lone CR bare, and reads it as the end of a row that has too few.
    readable = [row for row in expected if len(row) == len(table[0])]
    assert found.cells == readable
    assert len(found.refused) == len(expected) - len(readable)
    assert [row[0] for row in found.rows] == [
        number for number, row in enumerate(expected, start=1) if len(row) == len(table[0])
    ]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, chunk=st.integers(1, 99))
def test_the_raw_record_of_each_row_reads_as_the_row(table, chunk):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(table)

    found = read_bytes(text.getvalue().encode(), len(table[0]), chunk_bytes=chunk, dialect=Dialect(delimiter=";"))

    assert len(found.rows) == len(table)
    for _, _, row, raw in found.rows:
        (again,) = csv.reader(io.StringIO(raw, newline=""), delimiter=";", strict=True) if raw else [[""]]
        assert tuple(again) == row


@pytest.mark.parametrize("chunk_bytes", [4096, 1 << 20])
def test_a_field_of_forty_megabytes_is_refused_by_name_and_the_rest_is_kept(chunk_bytes: int):
    data = b'1,a\n2,"' + b"x" * 40_000_000 + b'"\n3,c\n'

    found = read_bytes(data, 2, chunk_bytes=chunk_bytes)

    assert found.cells == [("1", "a"), ("3", "c")]
    assert found.refused == [(2, 2, "oversize_record")]


def test_a_quote_that_is_never_closed_in_a_long_file_costs_one_line():
    rows = b"".join(b"%d,%s\n" % (number, b"text of a row " * 20) for number in range(40_000))
    assert len(rows) > MAX_RECORD_BYTES

    found = read_bytes(b'0,"never closed\n' + rows, 2, chunk_bytes=1 << 20)

    assert found.refused == [(1, 1, "oversize_record")]
    assert len(found.rows) == 40_000


def test_ten_thousand_columns_are_read():
    row = b",".join(b"%d" % number for number in range(10_000))

    found = read_bytes(b'"' + row.replace(b",", b'","') + b'"\n' + row, 10_000, chunk_bytes=4096)

    assert found.cells == [tuple(map(str, range(10_000)))] * 2


def test_one_row_without_a_line_end_is_a_row():
    assert read_bytes(b"a,b", 2, chunk_bytes=1).cells == [("a", "b")]

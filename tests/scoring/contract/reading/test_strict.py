"""The strict reading: each kind of broken record costs that record and nothing else."""

import csv
import io

import pytest

from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from scoring.contract.reading.strict import StrictReader


def read(data: bytes, *, n_columns: int | None = 2, is_end: bool = True, **dialect: object):
    return StrictReader(Dialect(**dialect), n_columns).read(data, is_end=is_end)


def cells(data: bytes, **options: object) -> list[tuple[str, ...]]:
    return [record.cells for record in read(data, **options).readable]


def faults(data: bytes, **options: object) -> list[tuple[int, int, str]]:
    return [(one.place.index, one.place.line, one.fault) for one in read(data, **options).unreadable]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (b"short\n", "ragged_row"),
        (b"a,b,c\n", "ragged_row"),
        (b"\n", "blank_line"),
        (b"\r\n", "blank_line"),
        (b"a,\xff\n", "bad_encoding"),
        (b"a,\0\n", "nul"),
        (b'a,"b"c\n', "bad_quoting"),
        (b'a,b"c"\n', "bad_quoting"),
        (b'a,"b" \n', "bad_quoting"),
        (b'a,"never closed\n', "bad_quoting"),
    ],
)
def test_a_broken_record_costs_itself_and_nothing_else(broken: bytes, fault: str):
    data = b'1,"two\nlines"\n' + broken + b"3,x\n4,y\n"

    assert cells(data) == [("1", "two\nlines"), ("3", "x"), ("4", "y")]
    assert faults(data) == [(1, 2, fault)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'"a ""b""",""\n', [('a "b"', "")]),
        (b'"a\r\nb","\r"\r\nc,d', [("a\r\nb", "\r"), ("c", "d")]),
        (b"a,b\rc,d\r\n", [("a", "b"), ("c", "d")]),
        (b"007,NA\n1e5, x \n", [("007", "NA"), ("1e5", " x ")]),
        ("ä,日本\n".encode(), [("ä", "日本")]),
    ],
)
def test_what_is_csv_is_read_as_python_reads_it(data: bytes, expected: list[tuple[str, ...]]):
    assert cells(data) == expected
    assert cells(data) == [tuple(row) for row in csv.reader(io.StringIO(data.decode(), newline=""), strict=True)]


def test_an_unclosed_quote_at_the_very_end_costs_one_line():
    assert cells(b'a,b\nc,"d\ne,f\n') == [("a", "b"), ("e", "f")]
    assert faults(b'a,b\nc,"d\ne,f\n') == [(1, 1, "bad_quoting")]


def test_a_record_may_have_eight_mebibytes_and_no_byte_more():
    longest = b'a,"' + b"x" * (MAX_RECORD_BYTES - 5) + b'"\n'

    assert len(cells(longest + b"c,d\n")) == 2
    assert faults(b'a,"x' + longest[3:] + b"c,d\n") == [(0, 0, "oversize_record")]


@pytest.mark.parametrize("data", [b"a,b", b'a,"b', b'a,"b"', b"a,b\r", b'a,"b\nc', b"a,", b'a,b"'])
def test_a_record_that_may_go_on_is_left_for_later(data: bytes):
    reading = read(b"1,2\n" + data, is_end=False)

    assert (reading.end, reading.n_records) == (4, 1)


def test_a_line_without_end_that_is_too_long_is_refused_before_its_end_is_seen():
    reading = read(b"x" * (MAX_RECORD_BYTES + 1), is_end=False)

    assert [one.fault for one in reading.unreadable] == ["oversize_record"]
    assert reading.goes_on


def test_other_dialects_are_read_by_their_own_marks():
    assert cells(b"'a;''b';c\n", delimiter=";", quote="'") == [("a;'b", "c")]
    assert cells(b'"a"|"b\n', delimiter="|", quote=None) == [('"a"', '"b')]
    assert cells("ä\t€\n".encode("cp1252"), delimiter="\t", encoding="cp1252") == [("ä", "€")]
    assert faults(b"a\t\x81\n", delimiter="\t", encoding="cp1252") == [(0, 0, "bad_encoding")]


def test_messages_say_what_to_do():
    (refused,) = read(b"a,b,c\n").unreadable

    assert refused.message == ("it has 3 fields instead of 2; put fields that hold delimiters or line ends into quotes")

import csv
import io
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import InputError
from scoring.contract.csvfile import MAX_FIELD_CHARACTERS, MalformedRecord, read_csv

HEADER = ["id", "text"]


def read(tmp_path: Path, content: str | bytes, columns: list[str] | None = None):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path, columns or HEADER)


def rows_of(table) -> list[list[str]]:
    return table.text.to_numpy().tolist()


def test_every_cell_stays_the_text_it_is(tmp_path: Path):
    cells = ["007", "NA", "null", "None", "nan", "1e5", "TRUE", "2024-01-01", " x ", ""]

    table = read(tmp_path, "id,text\n" + "".join(f"1,{cell}\n" for cell in cells))

    assert table.text["text"].tolist() == cells


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(tmp_path: Path, end: str):
    table = read(tmp_path, end.join(["id,text", "1,a", f'2,"b{end}c"', "3,d"]))

    assert rows_of(table) == [["1", "a"], ["2", f"b{end}c"], ["3", "d"]]
    assert table.lines.tolist() == [2, 3, 5]


def test_a_byte_order_mark_is_not_part_of_the_header(tmp_path: Path):
    assert rows_of(read(tmp_path, b"\xef\xbb\xbfid,text\n1,a\n")) == [["1", "a"]]


def test_lines_are_physical_lines_where_cells_hold_line_ends(tmp_path: Path):
    table = read(tmp_path, 'id,"text"\n1,"a\n\nb"\n2,"c\r\nd\r"\n3,e\u2028f\x0b\n4,g\n')

    assert table.lines.tolist() == [2, 5, 8, 9]


def test_a_header_without_records_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="has a header and no records"):
        read(tmp_path, "id,text\n")


def test_another_header_is_refused_by_name(tmp_path: Path):
    with pytest.raises(InputError, match="Did you mean 'text' by 'Text'"):
        read(tmp_path, "id,Text\n1,a\n")


GOOD = 'id,text\n1,"two\nlines"\n'


@pytest.mark.parametrize(
    ("bad", "rule", "line"),
    [
        ("2\n", "ragged_row", 4),
        ("2,b,c\n", "ragged_row", 4),
        ('"2,b"\n', "ragged_row", 4),
        ("\n3,c\n", "blank_line", 4),
        ("2,b\n\n", "blank_line", 5),
        ('2,"b"c\n', "bad_quoting", 4),
        ('2,b"c\n', "bad_quoting", 4),
        ('2, "b"\n', "bad_quoting", 4),
        ('2,5" by 7"\n', "bad_quoting", 4),
        ('2,"b\n3,c\n', "bad_quoting", 4),
        ('2,"b\n3,"c"\n', "bad_quoting", 4),
        ("2,b\0\n", "nul", 4),
        ('2,"b\nc\0"\n', "nul", 5),
    ],
)
def test_a_record_that_cannot_be_read_for_sure_is_refused_where_it_stands(
    tmp_path: Path, bad: str, rule: str, line: int
):
    with pytest.raises(MalformedRecord) as refused:
        read(tmp_path, GOOD + bad)

    error = refused.value
    assert (error.file, error.rule, error.line) == ("reviews.csv", rule, line)
    assert error.record == (3 if bad == "2,b\n\n" else 2)
    assert f"record {error.record}, line {line}" in str(error)
    assert error.next_step


@pytest.mark.parametrize("bad", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f"])
def test_bytes_that_are_not_utf8_are_refused_where_they_stand(tmp_path: Path, bad: bytes):
    with pytest.raises(MalformedRecord) as refused:
        read(tmp_path, GOOD.encode() + b'2,"good\n' + bad + b'"\n')

    assert (refused.value.rule, refused.value.record, refused.value.line) == ("not_utf8", 2, 5)


def test_a_fault_in_the_header_is_called_that(tmp_path: Path):
    with pytest.raises(MalformedRecord, match="the header, line 1"):
        read(tmp_path, 'id,"text"x\n1,a\n')


def test_a_field_of_the_largest_size_is_read_and_a_larger_one_is_refused(tmp_path: Path):
    before = csv.field_size_limit()

    assert len(read(tmp_path, "id,text\n1," + "x" * MAX_FIELD_CHARACTERS).text["text"][0]) == MAX_FIELD_CHARACTERS
    with pytest.raises(MalformedRecord, match="8,388,608 characters") as refused:
        read(tmp_path, "id,text\n1,a\n2," + "x" * (MAX_FIELD_CHARACTERS + 1))

    assert (refused.value.rule, refused.value.record, refused.value.line) == ("oversize_field", 2, 3)
    assert csv.field_size_limit() == before


def test_a_doubled_quote_in_quotes_is_one_quote(tmp_path: Path):
    table = read(tmp_path, 'id,text\n1,"a ""fine"" book"\n2,""""\n3,""\n')

    assert table.text["text"].tolist() == ['a "fine" book', '"', ""]


def test_the_error_survives_pickling(tmp_path: Path):
    with pytest.raises(MalformedRecord) as refused:
        read(tmp_path, "id,text\n1\n")

    copy = pickle.loads(pickle.dumps(refused.value))

    assert str(copy) == str(refused.value)
    assert (copy.file, copy.record, copy.line, copy.rule) == ("reviews.csv", 1, 2, "ragged_row")


CELL = st.text(st.one_of(st.sampled_from(',"\r\n \tx'), st.characters(exclude_categories=["Cs"])).filter("\0".__ne__))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    dialect=st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r")]),
)
def test_what_pythons_csv_writes_is_read_back(tmp_path_factory, rows, dialect):
    quoting, end = dialect
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=quoting, lineterminator=end)
    writer.writerows([HEADER, *rows])

    table = read(tmp_path_factory.mktemp("csv"), buffer.getvalue().encode())

    assert rows_of(table) == [list(row) for row in rows]


@settings(max_examples=400, deadline=None)
@given(body=st.text(st.sampled_from(',"\r\nab'), max_size=40))
def test_whatever_is_accepted_is_what_pythons_strict_csv_reads(tmp_path_factory, body):
    content = "id,text\r\n" + body
    try:
        table = read(tmp_path_factory.mktemp("csv"), content.encode())
    except InputError:
        return

    assert rows_of(table) == list(csv.reader(io.StringIO(content, newline=""), strict=True))[1:]


CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
FILES = sorted(path for path in CORPORA.rglob("*") if path.suffix in {".csv", ".tsv"})
needs_corpora = pytest.mark.skipif(not FILES, reason="the CSV corpora are not beside the project")


def header_of(path: Path) -> list[str]:
    """Return the first row as Python's csv reads it, so that the records behind it are reached."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            return next(csv.reader(file), None) or ["id"]
        except csv.Error:
            return ["id"]


@needs_corpora
@pytest.mark.parametrize("path", FILES or [CORPORA], ids=lambda path: path.name)
def test_a_file_that_others_wrote_is_read_as_python_reads_it_or_refused(path: Path):
    columns = header_of(path)
    try:
        table = read_csv(path, columns)
    except InputError as error:
        assert error.next_step  # noqa: PT017
        return

    with path.open(encoding="utf-8-sig", newline="") as file:
        assert rows_of(table) == list(csv.reader(file, strict=True))[1:]


BARE_QUOTE = "location_coordinates"
SPECTRUM = sorted(path for path in FILES if path.parent.name == "csvs" and path.stem != BARE_QUOTE)


@needs_corpora
@pytest.mark.parametrize("path", SPECTRUM or [CORPORA], ids=lambda path: path.stem)
def test_csv_spectrum_is_read_as_its_authors_say(path: Path):
    expected = json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))

    table = read_csv(path, list(expected[0]))

    assert table.text.to_dict("records") == expected


@needs_corpora
def test_the_one_file_of_csv_spectrum_with_a_quote_in_a_bare_field_is_refused():
    path = CORPORA / "csv-spectrum" / "csvs" / f"{BARE_QUOTE}.csv"

    with pytest.raises(MalformedRecord, match=r"record 1, line 2: .* \(bad_quoting\)"):
        read_csv(path, header_of(path))

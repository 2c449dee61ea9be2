import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.model import Contract
from scoring.contract.reading.preflight import check_kind, inspect_files

TEXT = b"review_id,Col1,Col2\nR000001,5,fine\n"
WANTED = ["review_id", "Col1", "Col2"]


def wide_contract(columns: list[str]) -> Contract:
    return Contract(
        name="wide",
        columns=dict.fromkeys(columns, "string"),
        inputs={"input1": (columns[0],)},
        output="output1",
        suite={"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": columns[0]}}]},
    )


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("reviews.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n \n", "is empty"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (zipped(TEXT), "zip archive"),
        (bz2.compress(TEXT), "bzip2"),
        (bz2.compress(TEXT, 1), "bzip2"),
        (lzma.compress(TEXT), "xz"),
        (b"\x28\xb5\x2f\xfd....", "zstd"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
        (b"\x04\x22\x4d\x18\x64\x40", "lz4"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG picture"),
        (TEXT.decode().encode("utf-16"), "UTF-16"),
        (TEXT.decode().encode("utf-16-be"), "UTF-16"),
        (TEXT.decode().encode("utf-16-le"), "UTF-16"),
        (b"\n <!DOCTYPE html><html>", "web page"),
        (b"<HTML><body>Sign in</body></HTML>", "web page"),
        (b"<!-- saved from the portal -->\n<body>", "web page"),
        (b"<head><title>Sign in</title></head>", "web page"),
        (b'[\n  {"id": 1},\n  {"id": 2}\n]\n', "is JSON"),
        (b'[{"id": 1},\n {"id": 2}]\n', "is JSON"),
        (b'\xef\xbb\xbf{"id": 1, "tags": ["a"]}\n{"id": 2}\n', "is JSON"),
        (b'[{"id": 1}, ' * 9000, "is JSON"),
        (b"[" * 9000, "is JSON"),
        (b"sep=,\r\nid,n\r\n1,2\r\n", "a line 'sep='"),
        (b"\xef\xbb\xbfsep=;\nid;n\n1;2\n", "a line 'sep='"),
        (b"a,b\r1,2\r3,4\r", "ends its lines with CR alone"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_not_csv_is_refused_by_its_kind(tmp_path: Path, content: bytes, says: str):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)

    with pytest.raises(InputError, match=says) as refused:
        check_kind(path)

    assert "'reviews.csv'" in str(refused.value)
    assert refused.value.next_step


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no input file"):
        check_kind(tmp_path / "reviews.csv")


def test_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="is a folder"):
        check_kind(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        b"\xef\xbb\xbf" + TEXT,
        b"PAR1,BZh,PK\n1,2,3\n",
        b"[id],[n]\n1,2\n",
        b"[id]\n1\n",
        b"[[Main page]],2\n",
        b'{"a": 1}\t{"b": 2}\n',
        b"{id},{n}\n1,2\n",
        b"sep=,price\n1,2\n",
        b"[" * 5 + b"1,2\n",
    ],
)
def test_plain_text_passes_with_or_without_bom(tmp_path: Path, content: bytes):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)

    check_kind(path)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (["review_id", "Col1"], "column 'Col2' is missing. Add it; the first line must be: review_id, Col1, Col2."),
        (["Col1"], "columns 'review_id', 'Col2' are missing. Add them; the first line"),
        (["review_id", "col1", "Col2"], "column 'Col1' is missing. Did you mean 'Col1' by 'col1'? Rename it."),
        (["review_id", " Col1", "Col2"], "Did you mean 'Col1' by ' Col1'"),
        (["review_id", "Col1", "Col1", "Col2"], "column 'Col1' is there 2 times"),
        (["review_id", "Col1", "Col2", "Col3"], "column 'Col3' is not in the contract. Did you mean"),
        (
            ["review_id", "Col2", "Col1"],
            "in another order: 'Col2' is column 2, and by the contract that is 'Col1'. Write them as: review_id, Col1",
        ),
        (["review_id;Col1;Col2"], "separated by semicolons"),
        (["review_id\tCol1\tCol2"], "separated by tabs"),
        ([""], "columns 'review_id', 'Col1', 'Col2' are missing"),
    ],
)
def test_another_header_is_refused_by_name(contract: Contract, write_csv, found: list[str], says: str):
    with pytest.raises(InputError) as refused:
        inspect_files([write_csv([["a", "b", "c"]], header=found)], contract)

    assert says in str(refused.value)


def test_a_huge_header_does_not_end_up_in_the_message(contract: Contract, write_csv):
    with pytest.raises(InputError) as refused:
        inspect_files([write_csv([["a"]], header=[*WANTED, "x" * 1_000_000])], contract)

    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("found", [["one", "two"], [f"c{place}" for place in reversed(range(10_000))]])
def test_a_message_about_many_columns_names_a_few_of_them(tmp_path: Path, found: list[str]):
    columns = [f"c{place}" for place in range(10_000)]
    path = tmp_path / "wide.csv"
    path.write_text(f"{','.join(found)}\n{','.join('1' for _ in found)}\n")

    with pytest.raises(InputError, match=r"and 9,9[0-9]{2} more") as refused:
        inspect_files([path], wide_contract(columns))

    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(TEXT, mtime=0), b"other\n1\n", b"review_id,Col1,Col2\n", b"\nR1,5,a\n", b"[]\n", b"sep=,\n"],
)
def test_a_message_tells_which_one_of_two_files_of_the_same_name_it_is_about(contract, tmp_path: Path, content: bytes):
    paths = [tmp_path / folder / "reviews.csv" for folder in ("good", "bad")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(content if path.parent.name == "bad" else TEXT)

    with pytest.raises(InputError) as refused:
        inspect_files(paths, contract)

    assert repr(str(paths[1])) in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'review_id,"Col1"x,Col2\nR1,5,a\n', "the header, line 1: a quote is never closed, or stands where none may"),
        (b"review_id,Col1,\xff\nR1,5,a\n", "the header, line 1: it holds bytes that are not UTF-8"),
        (b"\nreview_id,Col1,Col2\n", "the header, line 1: the line is blank"),
        (b"review_id,Col1,Col2\n", "has a header and no records"),
        (b"review_id,Col1,Col2", "has a header and no records"),
    ],
)
def test_a_file_without_a_readable_header_and_a_record_is_refused(contract, tmp_path: Path, content: bytes, says: str):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)

    with pytest.raises(InputError, match=says):
        inspect_files([path], contract)


@pytest.mark.parametrize(
    ("content", "offset", "line"),
    [
        (TEXT, 20, 2),
        (b"\xef\xbb\xbf" + TEXT, 23, 2),
        (TEXT.replace(b"\n", b"\r\n"), 21, 2),
        (b'"review_id","Col1","Col2"\nR1,5,a', 26, 2),
    ],
)
def test_records_begin_below_byte_order_mark_and_header(contract, tmp_path: Path, content: bytes, offset, line):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)

    (inspected,) = inspect_files([path], contract)

    assert (inspected.body_offset, inspected.body_line) == (offset, line)


def test_a_header_of_several_lines_and_more_than_is_read_at_first_is_read(tmp_path: Path):
    columns = [f"column {number} " + "x" * 100 for number in range(1000)]
    path = tmp_path / "wide.csv"
    header = ",".join(columns)
    path.write_text(header + "\n" + "1," * 999 + "1\n")

    (inspected,) = inspect_files([path], wide_contract(columns))

    assert inspected.body_offset == len(header) + 1 > 64 * 1024


def test_without_a_header_the_first_line_is_a_record(contract: Contract, tmp_path: Path):
    path = tmp_path / "reviews.csv"
    path.write_bytes(b"R1,5,a\n")
    dialect = contract.dialect.model_copy(update={"header": False})

    (inspected,) = inspect_files([path], contract.model_copy(update={"dialect": dialect}))

    assert (inspected.body_offset, inspected.body_line) == (0, 1)


def test_files_of_the_same_name_are_told_apart_and_none_is_read_twice(contract: Contract, tmp_path: Path):
    paths = [tmp_path / folder / "reviews.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(TEXT)

    assert [one.name for one in inspect_files(paths, contract)] == [str(path) for path in paths]
    with pytest.raises(InputError, match="is named twice"):
        inspect_files([paths[0], paths[0].parent / ".." / "a" / "reviews.csv"], contract)
    with pytest.raises(InputError, match="No input file is named"):
        inspect_files([], contract)

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.preflight import check_header, check_kind

TEXT = b"review_id,Col1,Col2\nR000001,5,fine\n"
WANTED = ["review_id", "Col1", "Col2"]


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
        (gzip.compress(TEXT), "gzip"),
        (zipped(TEXT), "zip archive"),
        (bz2.compress(TEXT), "bzip2"),
        (lzma.compress(TEXT), "xz"),
        (b"\x28\xb5\x2f\xfd....", "zstd"),
        (TEXT.decode().encode("utf-16"), "UTF-16"),
        (TEXT.decode().encode("utf-16-be"), "UTF-16"),
        (TEXT.decode().encode("utf-16-le"), "UTF-16"),
        (b"\n <!DOCTYPE html><html>", "web page"),
        (b"<HTML><body>Sign in</body></HTML>", "web page"),
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


@pytest.mark.parametrize("content", [TEXT, b"\xef\xbb\xbf" + TEXT, b"PAR1,BZh,PK\n1,2,3\n"])
def test_plain_text_passes_with_or_without_bom(tmp_path: Path, content: bytes):
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)

    check_kind(path)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (["review_id", "Col1"], "column 'Col2' is missing. Add it; the first line must be: review_id, Col1, Col2."),
        (["Col1"], "column 'review_id', 'Col2' is missing"),
        (["review_id", "col1", "Col2"], "column 'Col1' is missing. Did you mean 'Col1' by 'col1'? Rename it."),
        (["review_id", " Col1", "Col2"], "Did you mean 'Col1' by ' Col1'"),
        (["review_id", "Col1", "Col1", "Col2"], "column 'Col1' is there 2 times"),
        (["review_id", "Col1", "Col2", "Col3"], "column 'Col3' is not in the contract. Did you mean"),
        (
            ["review_id", "Col2", "Col1"],
            "not in the contract's order (review_id, Col2, Col1). Write them as: review_id",
        ),
        (["review_id;Col1;Col2"], "separated by semicolons"),
        (["review_id\tCol1\tCol2"], "separated by tabs"),
        ([], "column 'review_id', 'Col1', 'Col2' is missing"),
    ],
)
def test_another_header_is_refused_by_name(found: list[str], says: str):
    with pytest.raises(InputError) as refused:
        check_header(Path("reviews.csv"), found, WANTED)

    assert says in str(refused.value)


def test_the_very_header_passes():
    check_header(Path("reviews.csv"), WANTED, WANTED)


def test_a_huge_header_does_not_end_up_in_the_message():
    with pytest.raises(InputError) as refused:
        check_header(Path("reviews.csv"), [*WANTED, "x" * 1_000_000], WANTED)

    assert len(str(refused.value)) < 500

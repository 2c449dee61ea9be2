"""The books of a run: what does not add up is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.books import Books, check_output, count_output, open_output
from scoring.shards import cut_shards
from tests.scoring.accepting import accept, write_csv

counts = st.integers(0, 10**9)


def shard_of(folder, n_rows):
    source = accept(write_csv(folder / "reviews.csv", [["key"], *[[str(row)] for row in range(n_rows)]]))
    (shard,) = cut_shards([source], key="key", sent=["key"], passthrough=[], rows_per_job=n_rows)
    return replace(shard, index=3)


def count(folder, n_rows, content):
    path = folder / "output.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    shard = shard_of(folder, n_rows)
    return count_output(shard, open_output(shard, path))


@given(n_scored=counts, n_quarantined=counts, n_failed=counts)
def test_books_balance_when_every_row_is_accounted_for(n_scored, n_quarantined, n_failed):
    n_input = n_scored + n_quarantined + n_failed
    Books(n_input=n_input, n_scored=n_scored, n_quarantined=n_quarantined, n_failed=n_failed).require_balance()


@given(n_scored=counts, n_quarantined=counts, n_failed=counts, off=st.integers(-5, 5).filter(bool))
def test_books_do_not_balance_when_one_row_is_lost_or_counted_twice(n_scored, n_quarantined, n_failed, off):
    n_input = n_scored + n_quarantined + n_failed + off
    books = Books(n_input=n_input, n_scored=n_scored, n_quarantined=n_quarantined, n_failed=n_failed)
    with pytest.raises(IntegrityError):
        books.require_balance()


def test_books_that_do_not_balance_state_every_number():
    books = Books(n_input=10, n_scored=6, n_quarantined=2, n_failed=1)
    with pytest.raises(IntegrityError) as caught:
        books.require_balance()
    assert "10 rows in, but 6 scored + 2 quarantined + 1 failed = 9." in caught.value.what
    assert "Nothing was published" in caught.value.next_step


@pytest.mark.parametrize(
    ("n_rows", "content"),
    [
        (2, "scored,p\n1,0.5\n0,0.2\n"),
        (2, "scored,p\r\n1,0.5\r\n0,0.2\r\n"),
        (2, "scored,p\n1,0.5\n0,0.2"),
        (2, '\N{BYTE ORDER MARK}"scored, yes",p\n1,0.5\n0,0.2\n'),
        (2, 'text,p\n"two\nlines",1\n"two\r\nlines\rand ""quotes"", commas",0\n'),
        (2, 'scored\n""\n""\n'),
        (2, "scored\n\n\n"),
        (2, "scored,p\n,\n,\n"),
        (1, "text,p\n" + "x" * 200_000 + ",1\n"),
    ],
    ids=["LF", "CR LF", "no last LF", "BOM", "quoted lines", "empty", "blank", "no values", "long cell"],
)
def test_an_output_of_as_many_rows_as_were_sent_is_counted(tmp_path, n_rows, content):
    assert count(tmp_path, n_rows, content) == n_rows


@pytest.mark.parametrize(
    ("found", "content"),
    [
        ("0 rows", ""),
        ("0 rows", "scored,p\n"),
        ("1 row", "scored,p\n1,0.5\n"),
        ("3 rows", "scored,p\n1,0.5\n0,0.2\n0,0.1\n"),
        ("1 row", 'scored,p\n"1\n0",0.2\n'),
    ],
    ids=["nothing", "header alone", "one missing", "one too many", "a line end in quotes is no row"],
)
def test_an_output_of_another_number_of_rows_names_the_shard_and_both_numbers(tmp_path, found, content):
    with pytest.raises(IntegrityError) as caught:
        count(tmp_path, 2, content)
    assert caught.value.what == f"The output of shard 3 (reviews.csv, 2 rows) has {found} instead of 2."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("scored,p\n1,0.5\n0\n", "record 2, it has 1 field instead of 2"),
        ("scored,p\n1,0.5\n0,0.2,7\n", "record 2, it has 3 fields instead of 2"),
        ("scored,p\n1,0.5\n\n", "record 2, the line is blank"),
        ('scored,p\n1,0.5\n0,"cut o', "record 2, a quote is never closed"),
        ('scored,p\n1,0.5\n0,"cut" off\n', "record 2, a quote is never closed"),
        (b"scored,p\n1,0.5\n\xff\xfe,0.2\n", "record 2, it holds bytes that are not UTF-8"),
        ('"scored,p\n1,0.5\n', "the header, a quote is never closed"),
        (b"\xff,p\n1,0.5\n", "the header, it holds bytes that are not UTF-8"),
        ("\n1,0.5\n", "the header, the line is blank"),
    ],
    ids=[
        "a cell missing",
        "a cell left over",
        "blank",
        "unfinished quotes",
        "text after quotes",
        "not UTF-8",
        "unfinished quotes in the header",
        "a header that is not UTF-8",
        "a blank header",
    ],
)
def test_an_output_that_is_no_csv_is_named_with_the_place(tmp_path, content, why):
    with pytest.raises(IntegrityError) as caught:
        count(tmp_path, 2, content)
    assert caught.value.what.startswith(f"The output of shard 3 (reviews.csv, 2 rows) is not CSV in UTF-8: in {why}")
    assert "Nothing was published" in caught.value.next_step


def test_the_place_counts_records_from_the_first_one_on_however_far_it_is(tmp_path):
    # Twice what is read at once.
    long = "x" * 1000
    lines = [f'{long},"two\nlines"\n' for _ in range(5000)]
    lines[4321] = f"{long}\n"
    with pytest.raises(IntegrityError, match=r"in record 4322, it has 1 field instead of 2\."):
        count(tmp_path, 5000, "scored,p\n" + "".join(lines))


def test_a_header_of_any_length_is_read(tmp_path):
    names = ",".join(f"Col2_HashingFeature.{column}" for column in range(5_000))
    assert count(tmp_path, 1, f"{names}\n{',' * 4_999}\n") == 1


def test_an_output_is_refused_for_its_number_of_rows_and_for_their_order(tmp_path):
    shard, output = shard_of(tmp_path, 3), tmp_path / "output.csv"
    output.write_text("key,p\n0,1\n1,1\n2,1\n")
    assert check_output(shard, output) == 3
    output.write_text("key,p\n0,1\n1,1\n")
    with pytest.raises(IntegrityError, match="2 rows instead of 3"):
        check_output(shard, output)
    output.write_text("key,p\n0,1\n2,1\n1,1\n")
    with pytest.raises(IntegrityError, match="another place"):
        check_output(shard, output)

"""The books of a run: what does not add up is refused."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.books import Books, count_output
from scoring.shards import Shard

counts = st.integers(0, 10**9)


def shard_of(folder, n_rows):
    return Shard(index=3, file="reviews.csv", first_row=0, n_rows=n_rows, sent_path=folder, kept_path=folder)


def count(folder, n_rows, content):
    output = folder / "output.csv"
    output.write_bytes(content if isinstance(content, bytes) else content.encode())
    return count_output(shard_of(folder, n_rows), output)


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
        (0, ""),
        (0, "scored,p\n"),
        (1, "scored,p\n1,0.5\n"),
        (3, "scored,p\n1,0.5\n0,0.2\n0,0.1\n"),
        (1, 'scored,p\n"1\n0",0.2\n'),
    ],
    ids=["nothing", "header alone", "one missing", "one too many", "a line end in quotes is no row"],
)
def test_an_output_of_another_number_of_rows_names_the_shard_and_both_numbers(tmp_path, found, content):
    with pytest.raises(IntegrityError) as caught:
        count(tmp_path, 2, content)
    assert caught.value.what == f"The output of shard 3 (reviews.csv, 2 rows) has {found} rows instead of 2."


@pytest.mark.parametrize("content", ["scored,p\n1,0.5\n0\n", "scored,p\n1,0.5\n0,0.2,7\n", "scored,p\n1,0.5\n\n"])
def test_a_row_with_cells_missing_or_left_over_is_named(tmp_path, content):
    with pytest.raises(IntegrityError, match=r"shard 3 \(reviews.csv, 2 rows\) has [013] cells instead of 2 in row 2"):
        count(tmp_path, 2, content)


@pytest.mark.parametrize(
    "content",
    [b'scored,p\n1,0.5\n0,"cut o', b'scored,p\n1,0.5\n0,"cut" off\n', b"scored,p\n1,0.5\n\xff\xfe,0.2\n"],
    ids=["unfinished quotes", "text after quotes", "not UTF-8"],
)
def test_an_output_that_is_no_csv_is_named(tmp_path, content):
    with pytest.raises(IntegrityError, match=r"shard 3 \(reviews.csv, 2 rows\) is not CSV in UTF-8"):
        count(tmp_path, 2, content)


def test_counting_leaves_the_limit_of_other_csv_readers_alone(tmp_path):
    before = csv.field_size_limit()
    count(tmp_path, 1, "scored\n1\n")
    with pytest.raises(IntegrityError):
        count(tmp_path, 1, 'scored\n"1\n')
    assert csv.field_size_limit() == before

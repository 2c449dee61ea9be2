"""Proof by echo: rows that came back in another place are found, and a model that changes a column is left alone."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.csv_records import open_csv
from scoring.echo import check_echo
from scoring.shards import cut_shards
from tests.scoring.accepting import accept, write_csv


def check(folder, sent, came, column="text", **how):
    rows = [[f"K{row}", "x", cell] for row, cell in enumerate(sent)]
    source = accept(write_csv(folder / "reviews.csv", [["key", "other", "text"], *rows]), **how)
    (shard,) = cut_shards([source], key="key", sent=["other", "text"], passthrough=[], rows_per_job=100_000)
    output = write_csv(folder / "output.csv", [["p", column], *[["1", cell] for cell in came]])
    check_echo(replace(shard, index=3), open_csv(output, what="The output"))


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (["a", "b", "c"], ["a", "b", "c"]),
        (["1", "2.50"], ["1.0", "2.5"]),
        (["a", "", "c", ""], ["a", "none", "c", "none"]),
        (["1", "", "3", "2"], ["1", "2", "3", "2"]),
        (["1", "2", "3"], ["0", "0.5", "1"]),
        (["A", "B"], ["a", "b"]),
    ],
    ids=["same", "spelled anew", "filled in", "filled in with a value of others", "scaled", "lower case"],
)
def test_what_a_model_may_do_to_a_column_is_no_error(tmp_path, sent, came):
    check(tmp_path, sent, came)


def test_rows_in_another_order_are_named_by_record(tmp_path):
    with pytest.raises(IntegrityError) as caught:
        check(tmp_path, ["a", "b", "c", "d"], ["a", "c", "b", "d"])
    assert caught.value.what == (
        "2 rows of shard 3 (reviews.csv, 4 rows) came back in another place than they were sent in,"
        " as column 'text' shows: the records 2, 3 of its file."
    )


def test_records_are_counted_in_the_file_and_not_in_the_shard(tmp_path):
    cells = [["key", "text"], *[[str(row), cell] for row, cell in enumerate(["bad", "x", "bad", "y", *"abcdefg"])]]
    source = accept(write_csv(tmp_path / "reviews.csv", cells), rejected=[1, 3], chunk_bytes=32)
    _, shard = cut_shards([source], key="key", sent=["text"], passthrough=[], rows_per_job=2)[:2]
    output = write_csv(tmp_path / "output.csv", [["text"], ["b"], ["a"]])
    with pytest.raises(IntegrityError, match=r"the records 5, 6 of its file\."):
        check_echo(shard, open_csv(output, what="The output"))


def test_many_records_are_counted_and_some_are_named(tmp_path):
    with pytest.raises(IntegrityError, match=r"^7 rows of .* the records 1, 2, 3, 4, 5 and others of its file\."):
        check(tmp_path, [*"abcdefg"], [*"bcdefga"], chunk_bytes=16)


def test_a_row_in_place_of_another_is_named_by_record(tmp_path):
    with pytest.raises(IntegrityError, match=r"1 row of .* with the values of another row, .* record 3 of"):
        check(tmp_path, ["a", "b", "c", "d"], ["a", "b", "b", "d"])


def test_an_output_without_a_column_that_was_sent_proves_nothing(tmp_path):
    check(tmp_path, ["a", "b"], ["b", "a"], column="label")


@settings(max_examples=40)
@given(cells=st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=2, unique=True), data=st.data())
def test_any_other_order_is_found(tmp_path_factory, cells, data):
    folder = tmp_path_factory.mktemp("echo")
    came = data.draw(st.permutations(cells))
    if list(came) == cells:
        check(folder, cells, came)
    else:
        with pytest.raises(IntegrityError, match="another place"):
            check(folder, cells, came)

"""Proof by echo: rows that came back in another place are found, and a model that changes a column is left alone."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.echo import check_echo
from scoring.shards import Shard


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows(rows)
    return path


def check(folder, sent, came, column="text"):
    shard = Shard(
        index=3,
        file="reviews.csv",
        first_row=0,
        n_rows=len(sent),
        sent_path=write(folder / "sent.csv", [["other", "text"], *[["x", cell] for cell in sent]]),
        kept_path=write(folder / "kept.csv", [["key"], *[[f"K{row}"] for row in range(len(sent))]]),
    )
    check_echo(shard, write(folder / "output.csv", [["p", column], *[["1", cell] for cell in came]]))


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


def test_rows_in_another_order_are_named_by_key(tmp_path):
    with pytest.raises(IntegrityError) as caught:
        check(tmp_path, ["a", "b", "c", "d"], ["a", "c", "b", "d"])
    assert caught.value.what == (
        "2 rows of shard 3 (reviews.csv, 4 rows) came back in another place than they were sent in,"
        " as column 'text' shows: those with the keys 'K1', 'K2'."
    )


def test_a_row_in_place_of_another_is_named_by_key(tmp_path):
    with pytest.raises(IntegrityError, match=r"1 rows of .* with the values of another row, .* keys 'K2'\."):
        check(tmp_path, ["a", "b", "c", "d"], ["a", "b", "b", "d"])


def test_an_output_without_a_column_that_was_sent_proves_nothing(tmp_path):
    check(tmp_path, ["a", "b"], ["b", "a"], column="label")


@settings(deadline=None, max_examples=40)
@given(cells=st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=2, unique=True), data=st.data())
def test_any_other_order_is_found(tmp_path_factory, cells, data):
    folder = tmp_path_factory.mktemp("echo")
    came = data.draw(st.permutations(cells))
    if list(came) == cells:
        check(folder, cells, came)
    else:
        with pytest.raises(IntegrityError, match="another place"):
            check(folder, cells, came)

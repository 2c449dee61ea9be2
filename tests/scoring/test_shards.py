"""Cutting accepted rows into shards: no row is lost, moved or changed."""

import csv
from itertools import groupby, pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.shards import Shard, cut_shards

AWKWARD = [
    'quo"ted',
    '"',
    "comma, in it",
    "two\nlines",
    "two\r\nlines",
    "a lone\rcarriage return",
    "007",
    "1e5",
    "NA",
    "null",
    "",
    "  blanks  ",
    "\N{BYTE ORDER MARK}mark",
    "schön, 面白い \N{GRINNING FACE}",
    "=1+1",
]

# Lone surrogates are no text, and NUL is refused before rows get here.
# Files are written, which takes as long as the disk takes.
to_disk = settings(deadline=None, max_examples=50)

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def read(path):
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source, strict=True))


def cut(folder, sizes, rows_per_job, texts=None):
    """Files 9.csv, 8.csv, ... of the given sizes; columns `text` and `other` are sent, `key` and `text` are kept."""
    n_rows = sum(sizes)
    accepted = pd.DataFrame(
        {
            "key": [f"{row:04d}" for row in range(n_rows)],
            "text": texts or [f"text {row}" for row in range(n_rows)],
            "other": [str(row) for row in range(n_rows)],
        },
        dtype="str",
    )
    files = pd.Series([f"{9 - file}.csv" for file, size in enumerate(sizes) for _ in range(size)], dtype="str")
    shards = cut_shards(
        accepted, files, sent=["other", "text"], kept=["key", "text"], rows_per_job=rows_per_job, folder=folder
    )
    return accepted, files, shards


@to_disk
@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5), rows_per_job=st.integers(1, 15))
def test_shards_cover_all_rows_in_order_and_never_span_files(tmp_path_factory, sizes, rows_per_job):
    folder = tmp_path_factory.mktemp("shards")
    accepted, files, shards = cut(folder, sizes, rows_per_job)
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert shards[0].first_row == 0
    assert all(one.first_row + one.n_rows == next_one.first_row for one, next_one in pairwise(shards))
    assert shards[-1].first_row + shards[-1].n_rows == len(accepted)
    for shard in shards:
        rows = slice(shard.first_row, shard.first_row + shard.n_rows)
        assert set(files[rows]) == {shard.file}
        assert read(shard.sent_path) == [["other", "text"], *accepted[["other", "text"]][rows].to_numpy().tolist()]
        assert read(shard.kept_path) == [["key", "text"], *accepted[["key", "text"]][rows].to_numpy().tolist()]


@to_disk
@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5), rows_per_job=st.integers(1, 15))
def test_there_are_no_more_shards_than_needed(tmp_path_factory, sizes, rows_per_job):
    _, _, shards = cut(tmp_path_factory.mktemp("shards"), sizes, rows_per_job)
    assert max(shard.n_rows for shard in shards) <= rows_per_job
    by_file = [[shard.n_rows for shard in of_file] for _, of_file in groupby(shards, key=lambda shard: shard.file)]
    assert [len(of_file) for of_file in by_file] == [-(-size // rows_per_job) for size in sizes]
    assert [sum(of_file) for of_file in by_file] == sizes


@pytest.mark.parametrize("text", AWKWARD)
def test_text_survives(tmp_path, text):
    _, _, (shard,) = cut(tmp_path, [3], 5, ["before", text, "after"])
    assert read(shard.sent_path) == [["other", "text"], ["0", "before"], ["1", text], ["2", "after"]]
    assert read(shard.kept_path) == [["key", "text"], ["0000", "before"], ["0001", text], ["0002", "after"]]


@to_disk
@given(texts=st.lists(cells, min_size=1, max_size=6))
def test_any_text_survives(tmp_path_factory, texts):
    _, _, (shard,) = cut(tmp_path_factory.mktemp("shards"), [len(texts)], 10, texts)
    assert [row[1] for row in read(shard.sent_path)] == ["text", *texts]
    assert [row[1] for row in read(shard.kept_path)] == ["text", *texts]


def test_a_row_of_one_empty_cell_is_a_row(tmp_path):
    accepted = pd.DataFrame({"text": ["", "", "a"]}, dtype="str")
    files = pd.Series(["a.csv"] * 3, dtype="str")
    (shard,) = cut_shards(accepted, files, sent=["text"], kept=["text"], rows_per_job=5, folder=tmp_path)
    assert read(shard.sent_path) == [["text"], [""], [""], ["a"]]


def test_the_folder_is_made_and_holds_two_files_for_each_shard(tmp_path):
    folder = tmp_path / "new" / "folder"
    _, _, shards = cut(folder, [3], 2)
    assert sorted(path.name for path in folder.iterdir()) == [
        "00000-kept.csv",
        "00000-sent.csv",
        "00001-kept.csv",
        "00001-sent.csv",
    ]
    assert [shard.sent_path.name for shard in shards] == ["00000-sent.csv", "00001-sent.csv"]


def test_a_label_tells_people_which_shard_it_is(tmp_path):
    shard = Shard(index=7, file="reviews.csv", first_row=0, n_rows=250, sent_path=tmp_path, kept_path=tmp_path)
    assert shard.label == "shard 7 (reviews.csv, 250 rows)"

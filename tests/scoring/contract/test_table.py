from pathlib import Path

import pytest

from bes.errors import InputError
from scoring.contract.table import read_input

COLUMNS = ["review_id", "Col1", "Col2"]


def test_several_files_are_one_input_that_knows_its_places(write_csv):
    first = write_csv([["a", "1", "x\ny"], ["b", "2", "z"]], "first.csv")
    second = write_csv([["c", "3", "w"]], "second.csv")

    table = read_input([first, second], COLUMNS)

    assert table.text["review_id"].tolist() == ["a", "b", "c"]
    assert table.text.index.tolist() == [0, 1, 2]
    assert [table.file_of(row) for row in range(table.n_rows)] == ["first.csv", "first.csv", "second.csv"]
    assert table.record.tolist() == [1, 2, 1]
    assert table.line.tolist() == [2, 4, 2]


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path, write_csv):
    (tmp_path / "a").mkdir()
    paths = [write_csv([["a", "1", "x"]], "a/reviews.csv"), write_csv([["b", "1", "x"]], "reviews.csv")]

    assert read_input(paths, COLUMNS).files == tuple(map(str, paths))


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path, write_csv):
    path = write_csv([["a", "1", "x"]])

    with pytest.raises(InputError, match="named twice"):
        read_input([path, tmp_path / "." / "reviews.csv"], COLUMNS)


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match="No input file"):
        read_input([], COLUMNS)


def test_the_second_file_is_read_as_strictly_as_the_first(write_csv):
    good, bad = write_csv([["a", "1", "x"]], "good.csv"), write_csv([["a", "1"]], "bad.csv")

    with pytest.raises(InputError, match=r"'bad\.csv', record 1, line 2"):
        read_input([good, bad], COLUMNS)

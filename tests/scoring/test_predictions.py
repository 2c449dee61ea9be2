"""Merging: kept columns and outputs side by side, in input order, and nothing else."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import IntegrityError
from scoring.predictions import merge_predictions
from scoring.shards import cut_shards
from tests.scoring.accepting import AWKWARD, accept, read_csv, write_csv

# Files are written, which takes as long as the disk takes.
to_disk = settings(max_examples=50)

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


def shard_with_output(folder, index, kept, scored, *, key="key", **how):
    """A shard of the run with its output; both tables begin with their header."""
    folder.mkdir(exist_ok=True)
    source = accept(write_csv(folder / f"{index}-reviews.csv", kept), name="reviews.csv", **how)
    (shard,) = cut_shards(
        [source],
        key=key,
        sent=[kept[0][0]],
        passthrough=[name for name in kept[0] if name != key],
        rows_per_job=100_000,
    )
    return replace(shard, index=index), write_csv(folder / f"{index}-output.csv", scored)


def merge(outputs, path):
    return merge_predictions(outputs, path, work=path.parent)


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "predictions.csv"


def test_kept_columns_come_first_and_rows_keep_their_order(work, path):
    outputs = [
        shard_with_output(work, 0, [["key", "note"], ["b", "1"], ["a", "2"]], [["label"], ["yes"], ["no"]]),
        shard_with_output(work, 1, [["key", "note"], ["c", "3"]], [["label"], ["yes"]]),
    ]
    assert merge(outputs, path) == 3
    assert read_csv(path) == [["key", "note", "label"], ["b", "1", "yes"], ["a", "2", "no"], ["c", "3", "yes"]]


@pytest.mark.parametrize("text", AWKWARD)
def test_text_survives_on_both_sides(work, path, text):
    outputs = [shard_with_output(work, 0, [["key", "note"], ["a", text]], [["label", "p"], [text, "0.10"]])]
    merge(outputs, path)
    assert read_csv(path) == [["key", "note", "label", "p"], ["a", text, text, "0.10"]]


@to_disk
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_any_text_survives(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("merge")
    kept, scored = [[one] for one, _ in rows], [[other] for _, other in rows]
    outputs = [shard_with_output(folder, 0, [["key"], *kept], [["label"], *scored])]
    assert merge(outputs, folder / "predictions.csv") == len(rows)
    assert read_csv(folder / "predictions.csv") == [["key", "label"], *[list(row) for row in rows]]


@to_disk
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_every_row_of_every_shard_is_there_once(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("merge")
    keys = [[f"{index}-{row}" for row in range(size)] for index, size in enumerate(sizes)]
    outputs = [
        shard_with_output(
            folder, index, [["key"], *[[key] for key in of_shard]], [["label"], *[[f"of {key}"] for key in of_shard]]
        )
        for index, of_shard in enumerate(keys)
    ]
    assert merge(iter(outputs), folder / "predictions.csv") == sum(sizes)
    assert read_csv(folder / "predictions.csv") == [
        ["key", "label"],
        *[[key, f"of {key}"] for of_shard in keys for key in of_shard],
    ]


def test_the_result_is_read_by_pandas_as_it_was_written(work, path):
    kept, scored = [[text] for text in AWKWARD], [["1"] for _ in AWKWARD]
    merge([shard_with_output(work, 0, [["key"], *kept], [["p"], *scored])], path)
    read_back = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(read_back["key"]) == AWKWARD


@pytest.mark.parametrize("header", [["label", "label"], ["", "p"], ["Unnamed: 0", ""], ["1", "1.1"]])
def test_names_of_output_columns_keep_their_text(work, path, header):
    merge([shard_with_output(work, 0, [["key"], ["a"]], [header, ["yes", "0.5"]])], path)
    assert read_csv(path) == [["key", *header], ["a", "yes", "0.5"]]


def test_a_byte_order_mark_of_an_output_is_not_part_of_its_first_name(work, path):
    shard, output = shard_with_output(work, 0, [["key"], ["a"]], [["label"], ["yes"]])
    output.write_bytes(b"\xef\xbb\xbf" + output.read_bytes())
    merge([(shard, output)], path)
    assert read_csv(path) == [["key", "label"], ["a", "yes"]]


@pytest.mark.parametrize("header", [["p", "label"], ["label", "q"], ["label"], ["label", "p", "q"]])
def test_outputs_with_different_columns_are_refused_and_leave_no_file(work, path, header):
    outputs = [
        shard_with_output(work, 0, [["key"], ["a"]], [["label", "p"], ["yes", "1"]]),
        shard_with_output(work, 1, [["key"], ["b"]], [header, ["no"] * len(header)]),
    ]
    with pytest.raises(IntegrityError, match=r"shard 1 \(reviews.csv, 1 row\)") as caught:
        merge(outputs, path)
    assert str(["key", *header]) in caught.value.what
    assert list(path.parent.iterdir()) == []


def test_an_output_with_a_column_that_the_rows_bring_along_is_refused_and_leaves_no_file(work, path):
    outputs = [shard_with_output(work, 0, [["key", "note"], ["a", "1"]], [["note", "label"], ["1", "yes"]])]
    with pytest.raises(IntegrityError, match="columns that the rows bring along: note"):
        merge(outputs, path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(("n_rows", "found"), [(0, "0 rows"), (1, "1 row"), (3, "3 rows")])
def test_an_output_of_another_length_is_never_paired_with_the_rows(work, path, n_rows, found):
    outputs = [shard_with_output(work, 0, [["key"], ["a"], ["b"]], [["label"], *[["yes"]] * n_rows])]
    with pytest.raises(IntegrityError, match=rf"shard 0 \(reviews.csv, 2 rows\) has {found} instead of 2"):
        merge(outputs, path)
    assert list(path.parent.iterdir()) == []


def test_a_merge_that_fails_leaves_the_earlier_predictions(work, path):
    path.parent.mkdir()
    path.write_text("earlier")
    outputs = [shard_with_output(work, 0, [["key"], ["a"]], [["key"], ["a"]])]
    with pytest.raises(IntegrityError):
        merge(outputs, path)
    assert path.read_text() == "earlier"
    assert [file.name for file in path.parent.iterdir()] == ["predictions.csv"]


def test_a_merge_replaces_the_earlier_predictions(work, path):
    path.parent.mkdir()
    path.write_text("earlier " * 100)
    merge([shard_with_output(work, 0, [["key"], ["a"]], [["label"], ["yes"]])], path)
    assert read_csv(path) == [["key", "label"], ["a", "yes"]]
    assert [file.name for file in path.parent.iterdir()] == ["predictions.csv"]


def test_an_output_without_anything_is_refused(work, path):
    shard, output = shard_with_output(work, 0, [["key"], ["a"]], [["label"], ["yes"]])
    output.write_bytes(b"")
    with pytest.raises(IntegrityError, match="has 0 rows instead of 1"):
        merge([(shard, output)], path)


def test_predictions_of_rows_without_a_key_begin_with_file_and_record(work, path):
    outputs = [
        shard_with_output(work, 0, [["note"], ["x"], ["bad"], ["y"]], [["p"], ["1"], ["2"]], key=None, rejected=[2])
    ]
    assert merge(outputs, path) == 2
    assert read_csv(path) == [
        ["file", "record", "note", "p"],
        ["reviews.csv", "1", "x", "1"],
        ["reviews.csv", "3", "y", "2"],
    ]


def test_an_output_with_a_column_called_record_is_refused_where_rows_have_no_key(work, path):
    outputs = [shard_with_output(work, 0, [["note"], ["x"]], [["record"], ["1"]], key=None)]
    with pytest.raises(IntegrityError, match="columns that the rows bring along: record"):
        merge(outputs, path)


def test_quotes_stand_only_where_they_are_needed_whatever_the_output_has(work, path):
    shard, output = shard_with_output(work, 0, [["key", "note"], ["a", 'a "word"'], ["b", ""]], [["label"]])
    output.write_bytes(b'"label","p"\n"yes, no","0.5"\n"no",\n')
    merge([(shard, output)], path)
    assert path.read_bytes() == b'key,note,label,p\r\na,"a ""word""","yes, no",0.5\r\nb,,no,\r\n'


@pytest.mark.parametrize("chunk_bytes", [1000, 1024 * 1024])
def test_the_predictions_do_not_depend_on_how_much_was_read_at_once(work, path, chunk_bytes):
    # Twice what is read of the output at once.
    texts = [f"{text} {row}" for row in range(60_000) for text in AWKWARD[:5]]
    kept = [[str(row), texts[row]] for row in range(0, len(texts), 50)]
    scored = [[texts[row], "0.5" * 400] for row in range(0, len(texts), 50)]
    outputs = [shard_with_output(work, 0, [["key", "note"], *kept], [["label", "p"], *scored], chunk_bytes=chunk_bytes)]
    merge([outputs[0]], path)
    assert read_csv(path) == [
        ["key", "note", "label", "p"],
        *[[*one, *other] for one, other in zip(kept, scored, strict=True)],
    ]

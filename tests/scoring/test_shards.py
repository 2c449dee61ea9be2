"""Cutting accepted rows into shards: no row is lost, moved or changed, and none is copied."""

import math
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import InputError
from scoring.shards import cut_shards
from tests.scoring.accepting import AWKWARD, accept, read_csv, write_csv

# Files are written, which takes as long as the disk takes.
to_disk = settings(max_examples=50)

# Lone surrogates are no text, and NUL is refused before rows get here.
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def cut(accepted, rows_per_job=100, *, key="key", sent=("other", "text"), passthrough=("text",)):
    return cut_shards(accepted, key=key, sent=sent, passthrough=passthrough, rows_per_job=rows_per_job)


def extract(folder, texts, name="reviews.csv", **how):
    """A file of three columns; the records that are named `rejected` are not accepted."""
    rows = [[f"{row:04d}", text, str(row)] for row, text in enumerate(texts)]
    return accept(write_csv(folder / name, [["key", "text", "other"], *rows]), **how)


def sent_file(shard, folder):
    path = folder / f"{shard.name}.csv"
    path.write_bytes(b"".join(shard.sent_csv()))
    return path


def rows_of(batches):
    return [[cell or "" for cell in row] for batch in batches for row in zip(*batch.to_pydict().values(), strict=True)]


@to_disk
@given(
    files=st.lists(st.lists(st.booleans(), max_size=12), min_size=1, max_size=5),
    rows_per_job=st.integers(1, 15),
    chunk_bytes=st.sampled_from([16, 50, 2_000]),
)
def test_shards_hold_all_accepted_rows_in_order_and_never_span_files(
    tmp_path_factory, files, rows_per_job, chunk_bytes
):
    folder = tmp_path_factory.mktemp("shards")
    accepted, wanted = [], []
    for index, goods in enumerate(files):
        texts = [f"text {row} of\n{index}" for row in range(len(goods))]
        rejected = [row + 1 for row, is_good in enumerate(goods) if not is_good]
        accepted.append(extract(folder, texts, f"{9 - index}.csv", rejected=rejected, chunk_bytes=chunk_bytes))
        wanted += [(f"{9 - index}.csv", row, texts[row]) for row, is_good in enumerate(goods) if is_good]
    shards = cut(accepted, rows_per_job)

    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert [0, *[shard.first_row + shard.n_rows for shard in shards]] == [
        *[shard.first_row for shard in shards],
        len(wanted),
    ]
    for shard in shards:
        mine = wanted[shard.first_row : shard.first_row + shard.n_rows]
        assert {shard.file} == {file for file, _, _ in mine}
        assert (shard.first_record, shard.last_record) == (mine[0][1] + 1, mine[-1][1] + 1)
        assert rows_of(shard.sent_rows()) == [[str(row), text] for _, row, text in mine]
        assert rows_of(shard.kept_rows()) == [[f"{row:04d}", text] for _, row, text in mine]
        assert read_csv(sent_file(shard, folder)) == [["other", "text"], *[[str(row), text] for _, row, text in mine]]


@to_disk
@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=5), rows_per_job=st.integers(1, 15))
def test_there_are_no_more_shards_than_needed(tmp_path_factory, sizes, rows_per_job):
    folder = tmp_path_factory.mktemp("shards")
    shards = cut([extract(folder, ["x"] * size, f"{index}.csv") for index, size in enumerate(sizes)], rows_per_job)
    by_file = [[shard.n_rows for shard in of_file] for _, of_file in groupby(shards, key=lambda shard: shard.file)]
    assert [sum(of_file) for of_file in by_file] == [size for size in sizes if size]
    assert [len(of_file) for of_file in by_file] == [math.ceil(size / rows_per_job) for size in sizes if size]
    assert all(shard.n_rows <= rows_per_job for shard in shards)


@pytest.mark.parametrize("text", AWKWARD)
def test_text_survives(tmp_path, text):
    (shard,) = cut([extract(tmp_path, ["before", text, "after"])])
    assert read_csv(sent_file(shard, tmp_path)) == [["other", "text"], ["0", "before"], ["1", text], ["2", "after"]]
    assert rows_of(shard.kept_rows()) == [["0000", "before"], ["0001", text], ["0002", "after"]]


@to_disk
@given(texts=st.lists(cells, min_size=1, max_size=6))
def test_any_text_survives(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("shards")
    (shard,) = cut([extract(folder, texts)])
    assert [row[1] for row in read_csv(sent_file(shard, folder))] == ["text", *texts]
    assert [row[1] for row in rows_of(shard.kept_rows())] == texts


def test_a_row_of_one_empty_cell_is_a_row(tmp_path):
    (shard,) = cut([extract(tmp_path, ["", "", "a"])], sent=["text"])
    assert sent_file(shard, tmp_path).read_bytes() == b'text\r\n""\r\n""\r\na\r\n'


def test_what_is_sent_has_quotes_only_where_they_are_needed(tmp_path):
    (shard,) = cut([extract(tmp_path, ["plain", 'a "word"', "a, b", "a\rb", "", "schön"])])
    assert sent_file(shard, tmp_path).read_bytes().decode() == (
        'other,text\r\n0,plain\r\n1,"a ""word"""\r\n2,"a, b"\r\n3,"a\rb"\r\n4,\r\n5,schön\r\n'
    )


@pytest.mark.parametrize("chunk_bytes", [16, 64, 1024, 1024 * 1024])
def test_what_is_sent_does_not_depend_on_how_much_was_read_at_once(tmp_path, chunk_bytes):
    texts = [text * repeated for repeated in (1, 7) for text in AWKWARD]
    (whole,) = cut([extract(tmp_path, texts)])
    (shard,) = cut([extract(tmp_path, texts, chunk_bytes=chunk_bytes)])
    assert sent_file(shard, tmp_path).read_bytes() == sent_file(whole, tmp_path).read_bytes()


def test_a_record_that_cannot_be_read_is_in_no_shard(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'key,text,other\na,one,1\nb,"un"closed,2\nc\nd,four,4\n')
    shards = cut([accept(path)], 1)
    assert [(shard.first_record, rows_of(shard.kept_rows())) for shard in shards] == [
        (1, [["a", "one"]]),
        (4, [["d", "four"]]),
    ]


def test_without_a_key_a_row_is_known_by_its_file_and_record(tmp_path):
    source = extract(tmp_path, ["a", "b", "c"], rejected=[2], name="9.csv")
    (shard,) = cut([source], key=None)
    assert shard.kept == ("file", "record", "text")
    assert [batch.schema.names for batch in shard.kept_rows()] == [["file", "record", "text"]]
    assert rows_of(shard.kept_rows()) == [["9.csv", "1", "a"], ["9.csv", "3", "c"]]
    (nothing_else,) = cut([source], key=None, passthrough=[])
    assert rows_of(nothing_else.kept_rows()) == [["9.csv", "1"], ["9.csv", "3"]]


def test_a_shard_is_halved_again_and_again_until_it_has_one_row(tmp_path):
    source = extract(tmp_path, list("abcdefghij"), rejected=[1, 6])
    _, shard = cut([source], 3)[:2]
    assert rows_of(shard.kept_rows()) == [["0004", "e"], ["0006", "g"], ["0007", "h"]]
    first, second = shard.halves()
    assert (first.name, first.first_row, first.n_rows, first.label) == (
        "00001-0",
        3,
        1,
        "shard 1-0 (reviews.csv, 1 row)",
    )
    assert rows_of(first.kept_rows()) == [["0004", "e"]]
    assert (second.name, second.first_row, second.n_rows) == ("00001-1", 4, 2)
    assert [(part.name, rows_of(part.kept_rows())) for part in second.halves()] == [
        ("00001-10", [["0006", "g"]]),
        ("00001-11", [["0007", "h"]]),
    ]
    with pytest.raises(ValueError, match=r"shard 1-0 .* cannot be halved"):
        first.halves()


@to_disk
@given(n_rows=st.integers(2, 20), data=st.data())
def test_halves_are_the_whole_in_the_order_of_their_names(tmp_path_factory, n_rows, data):
    (shard,) = cut([extract(tmp_path_factory.mktemp("shards"), [str(row) for row in range(n_rows)])])
    parts = [shard]
    for _ in range(data.draw(st.integers(1, 6))):
        halved = data.draw(st.sampled_from([part for part in parts if part.n_rows > 1] or [None]))
        if halved is not None:
            parts.remove(halved)
            parts += halved.halves()
    parts.sort(key=lambda part: part.name)
    assert [row for part in parts for row in rows_of(part.kept_rows())] == rows_of(shard.kept_rows())
    assert all(one.first_row + one.n_rows == following.first_row for one, following in pairwise(parts))


def test_a_file_that_has_lost_rows_since_is_refused(tmp_path):
    source = extract(tmp_path, ["a", "b", "c"])
    (shard,) = cut([source])
    source.file.path.write_bytes(source.file.path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"reviews\.csv' is not the one that this run has checked"):
        sent_file(shard, tmp_path)


def test_a_label_tells_people_which_shard_it_is(tmp_path):
    (shard,) = cut([extract(tmp_path, ["x"] * 250)], 250)
    assert shard.label == "shard 0 (reviews.csv, 250 rows)"

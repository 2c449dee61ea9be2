"""Rows that stay here while theirs are sent: read once with them, and merged without the input."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bes.errors import ConfigurationError, IntegrityError
from scoring.kept import kept_rows, send_and_keep
from scoring.predictions import merge_predictions
from scoring.shards import cut_shards
from tests.scoring.accepting import AWKWARD, accept, read_csv, write_csv


def shard_of(folder, *, key, rows, sent=("text",)):
    source = accept(write_csv(folder / "reviews.csv", [["note", "text", "key"], *rows]), rejected=[2], chunk_bytes=64)
    (shard,) = cut_shards([source], key=key, sent=sent, passthrough=["note"], rows_per_job=1000)
    return shard


def rows_of(batches):
    return [list(row.values()) for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


@pytest.mark.parametrize("key", ["key", None])
@pytest.mark.parametrize("sent", [("text",), ("text", "note")])
def test_kept_rows_come_back_as_the_input_has_them_when_it_is_gone(tmp_path, work, key, sent):
    rows = [[text, "text", f"k{number}"] for number, text in enumerate(["before", "rejected", *AWKWARD])]
    shard = shard_of(tmp_path, key=key, rows=rows, sent=sent)
    wanted = rows_of(shard.kept_rows())
    assert b"".join(send_and_keep(shard, work)) == b"".join(shard.sent_csv())
    shard.source.file.path.unlink()
    assert rows_of(kept_rows(shard, work)) == wanted
    output = write_csv(tmp_path / "output.csv", [["p"], *[["1"]] * shard.n_rows])
    assert merge_predictions([(shard, output)], tmp_path / "predictions.csv", work=work) == shard.n_rows
    assert [row[:-1] for row in read_csv(tmp_path / "predictions.csv")[1:]] == [
        [cell or "" for cell in row] for row in wanted
    ]


def test_what_was_not_sent_to_its_end_is_not_kept(tmp_path, work):
    shard = shard_of(tmp_path, key="key", rows=[["a", "x" * 100, "1"], ["", "", ""], ["b", "y", "2"]])
    sending = send_and_keep(shard, work)
    next(sending), next(sending)
    sending.close()
    assert list(work.iterdir()) == []
    assert rows_of(kept_rows(shard, work)) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize("size_bytes", [0, 100, -100])
def test_kept_rows_that_are_not_as_they_were_written_are_refused(tmp_path, work, size_bytes):
    shard = shard_of(tmp_path, key="key", rows=[["a", "x", str(number)] for number in range(200)])
    assert b"".join(send_and_keep(shard, work))
    (kept,) = work.iterdir()
    kept.write_bytes(kept.read_bytes()[:size_bytes])
    output = write_csv(tmp_path / "output.csv", [["p"], *[["1"]] * shard.n_rows])
    with pytest.raises(IntegrityError):
        merge_predictions([(shard, output)], tmp_path / "predictions.csv", work=work)


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Let the system refuse to make any file of this process longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_kept_rows_that_find_no_room_are_told_with_the_folder_of_the_run_and_leave_nothing(tmp_path, work):
    shard = shard_of(tmp_path, key="key", rows=[["a" * 100, "x", str(number)] for number in range(900)])
    with room_for(1000), pytest.raises(ConfigurationError) as caught:
        list(send_and_keep(shard, work))
    assert caught.value.what == f"The columns that stay here cannot be written to {str(tmp_path)!r}: File too large."
    assert "BATCH_SCORING_RUN_DATA_DIR" in caught.value.next_step
    assert list(work.iterdir()) == []

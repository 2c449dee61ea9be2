"""Files that appear whole or not at all, and reads that give all there is."""

import os
import sys
from pathlib import Path

import pytest

from bes.files import read_at, replacing


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each file was when the system was asked to bring it to the disk."""
    sizes: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return sizes


@pytest.mark.parametrize(("for_good", "sizes"), [(True, [5]), (False, [])])
def test_a_file_takes_the_place_of_the_one_before_and_is_on_the_disk_where_it_must_outlive_the_machine(
    tmp_path: Path, flushed: list[int], for_good: bool, sizes: list[int]
):
    path = tmp_path / "new" / "file"
    for content in ("before", "after"):
        flushed.clear()
        with replacing(path, for_good=for_good) as part:
            part.write_text(content)
            assert path.exists() is (content == "after")
        assert path.read_text() == content
    assert flushed == sizes
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def fail_half_way(path: Path) -> None:
    with replacing(path) as part:
        part.write_text("half")
        raise RuntimeError


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(RuntimeError):
        fail_half_way(path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="the file that is given in pieces is Linux's")
def test_a_read_is_whole_where_the_system_gives_less_than_it_is_asked_for():
    with Path("/proc/kallsyms").open("rb") as file:
        whole = file.read(20_000)
        assert len(os.pread(file.fileno(), 10_000, 5_000)) < 10_000
        assert read_at(file.fileno(), 5_000, 10_000) == whole[5_000:15_000]


def test_a_read_beyond_the_end_gives_what_there_is(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    with path.open("rb") as file:
        assert [read_at(file.fileno(), offset, 4) for offset in (0, 3, 9)] == [b"1234", b"45", b""]

"""The map of accepted rows: every one of them is found again in its file, in order, and no other."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bes.errors import InputError
from scoring.contract.reading.accepted import AcceptedFile, CheckedFile, ChunkMap
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.cutting import Cutter
from scoring.contract.reading.dialect import Dialect

COLUMNS = ("key", "text")


def accepted(path: Path, *, rejected: list[int], chunk_bytes: int = 16) -> AcceptedFile:
    rows, record, line = [], 1, 1
    reader = BlockReader(Dialect(), COLUMNS)
    with path.open("rb") as file:
        for chunk in Cutter(Dialect(), 2, chunk_bytes=chunk_bytes).chunks(file, 0):
            block = reader.read(chunk)
            n_bytes, n_rows = len(chunk.data), block.text.num_rows
            rows.append((chunk.offset, n_bytes, record, line, block.n_records, n_rows, chunk.is_clean))
            rejected = [*rejected, *(record + one.place.index for one in block.unreadable)]
            record, line = record + block.n_records, line + block.n_lines
    columns = np.array(rows, dtype=np.int64).T
    names = ("offset", "size_bytes", "first_record", "first_line", "n_records", "n_readable", "is_clean")
    chunks = ChunkMap(**dict(zip(names, columns, strict=True)))
    file = CheckedFile(path=path, name=path.name, dialect=Dialect(), columns=COLUMNS, chunks=chunks)
    return AcceptedFile(file=file, rejected=np.unique(np.array(rejected, dtype=np.int64)))


def found(file: AcceptedFile, first: int, n_rows: int, *, n_threads: int = 1) -> list[tuple[int, str]]:
    return [
        (int(record), key)
        for rows in file.rows(first, n_rows, ["key"], n_threads=n_threads)
        for record, key in zip(rows.record, rows.text.column("key").to_pylist(), strict=True)
    ]


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["good", "good", "bad", "ragged", "quoted"]), min_size=1, max_size=30).filter(
        lambda kinds: {"good", "quoted"} & set(kinds)
    ),
    st.data(),
)
def test_any_stretch_of_accepted_rows_is_found_again(tmp_path_factory, kinds, data):
    path = tmp_path_factory.mktemp("accepted") / "a.csv"
    forms = {"good": "{0},x\n", "bad": "{0},x\n", "ragged": '{0},"x"y\n', "quoted": '"{0}","two\nlines"\n'}
    path.write_text("".join(forms[kind].format(number) for number, kind in enumerate(kinds, start=1)))
    good = [number for number, kind in enumerate(kinds, start=1) if kind in ("good", "quoted")]
    file = accepted(path, rejected=[number for number, kind in enumerate(kinds, start=1) if kind == "bad"])

    first = data.draw(st.integers(0, len(good) - 1))
    n_rows = data.draw(st.integers(1, len(good) - first))
    n_threads = data.draw(st.integers(1, 3))

    assert file.n_rows == len(good)
    assert [file.record_of(row) for row in range(len(good))] == good
    wanted = [(number, str(number)) for number in good[first : first + n_rows]]
    assert found(file, first, n_rows, n_threads=n_threads) == wanted


@pytest.mark.parametrize("changed", ["1,x\n2\ny\n", "1,x\n", ""])
def test_a_file_that_has_changed_since_is_refused_by_name(tmp_path: Path, changed: str):
    path = tmp_path / "a.csv"
    path.write_text("1,x\n2,y\n")
    file = accepted(path, rejected=[])
    path.write_text(changed)

    with pytest.raises(InputError, match=r"a\.csv' is not the one that this run has checked"):
        found(file, 0, 2)

"""Real input files, read as the contract check reads them, with some records rejected by hand."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from scoring.contract.reading.accepted import AcceptedFile, CheckedFile, ChunkMap
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.cutting import CHUNK_BYTES, Cutter
from scoring.contract.reading.dialect import Dialect
from scoring.contract.reading.strict import StrictReader

AWKWARD = [
    'quo"ted',
    '"',
    "comma, in it",
    "two\nlines",
    "two\r\nlines",
    "a lone\rcarriage return",
    "007",
    "1e5",
    "1.50",
    "NA",
    "null",
    "",
    "  blanks  ",
    "\N{BYTE ORDER MARK}mark",
    "schön, 面白い \N{GRINNING FACE}",
    "=1+1",
]


def write_csv(path: Path, rows: Iterable[Sequence[str]], **how: str) -> Path:
    """Write a file, its header first; as the standard library does, unless told otherwise."""
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target, **how).writerows(rows)
    return path


def read_csv(path: Path) -> list[list[str]]:
    """All records of a file, its header first; as the standard library reads them."""
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.reader(source, strict=True))


def accept(
    path: Path,
    *,
    rejected: Sequence[int] = (),
    name: str | None = None,
    dialect: Dialect | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> AcceptedFile:
    """A file with a header, of which all records are accepted that can be read and are not rejected.

    Args:
        path: The file.
        rejected: Numbers of records, from 1.
        name: How people call it; by default the file's name.
        dialect: How it is written.
        chunk_bytes: About how much of it is read at once.
    """
    dialect = dialect or Dialect()
    header = StrictReader(dialect, None).read(path.read_bytes(), is_end=True).readable[0]
    chunks = list(_read(path, dialect, header.cells, header.place.end, chunk_bytes))
    columns = [np.array(column, dtype=np.int64) for column in list(zip(*chunks, strict=True))[:6]]
    columns = columns or [np.empty(0, dtype=np.int64)] * 6
    unreadable = [number for chunk in chunks for number in chunk[7]]
    return AcceptedFile(
        file=CheckedFile(
            path=path,
            name=name or path.name,
            dialect=dialect,
            columns=header.cells,
            chunks=ChunkMap(
                offset=columns[0],
                size_bytes=columns[1],
                first_record=columns[2],
                first_line=columns[3],
                n_records=columns[4],
                n_readable=columns[5],
                is_clean=np.array([chunk[6] for chunk in chunks], dtype=bool),
            ),
        ),
        rejected=np.array(sorted({*rejected, *unreadable}), dtype=np.int64),
    )


def _read(
    path: Path, dialect: Dialect, columns: Sequence[str], offset: int, chunk_bytes: int
) -> Iterator[tuple[int, int, int, int, int, int, bool, list[int]]]:
    """For each chunk the members of a ChunkMap, then the numbers of the records that cannot be read."""
    reader = BlockReader(dialect, columns)
    record, line = 1, 2
    with path.open("rb") as file:
        file.seek(offset)
        for chunk in Cutter(dialect, len(columns), chunk_bytes=chunk_bytes).chunks(file, offset):
            block = reader.read(chunk)
            unreadable = [record + one.place.index for one in block.unreadable]
            yield (
                chunk.offset,
                len(chunk.data),
                record,
                line,
                block.n_records,
                block.text.num_rows,
                chunk.is_clean,
                unreadable,
            )
            record, line = record + block.n_records, line + block.n_lines

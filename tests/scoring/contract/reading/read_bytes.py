"""What tests read with: all records of some bytes, with their places in the whole file."""

import io
from dataclasses import dataclass

import numpy as np

from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.cutting import Cutter
from scoring.contract.reading.dialect import Dialect


@dataclass(frozen=True)
class Reading:
    """Rows are (record, line, cells, raw), refused ones are (record, line, fault); both count from 1."""

    rows: list[tuple[int, int, tuple[str, ...], str]]
    refused: list[tuple[int, int, str]]

    @property
    def cells(self) -> list[tuple[str, ...]]:
        return [row[2] for row in self.rows]


def read_bytes(data: bytes, n_columns: int, *, chunk_bytes: int, dialect: Dialect | None = None) -> Reading:
    dialect = dialect or Dialect()
    cutter = Cutter(dialect, n_columns, chunk_bytes=chunk_bytes)
    reader = BlockReader(dialect, [f"c{number}" for number in range(n_columns)])
    rows, refused = [], []
    record = line = 1
    for chunk in cutter.chunks(io.BytesIO(data), 0):
        assert data[chunk.offset : chunk.offset + len(chunk.data)] == chunk.data
        block = reader.read(chunk)
        places = block.places()
        raw = block.raw(np.arange(block.text.num_rows), dialect.encoding).to_pylist()
        for row, (cells, as_written) in enumerate(zip(block.text.to_pylist(), raw, strict=True)):
            place = (record + int(places.index[row]), line + int(places.line[row]))
            rows.append((*place, tuple(cell or "" for cell in cells.values()), as_written))
        refused += [(record + one.place.index, line + one.place.line, one.fault) for one in block.unreadable]
        record += block.n_records
        line += block.n_lines
    return Reading(rows, refused)

"""CSV files that come from elsewhere as batches of text columns: read strictly, a chunk at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa

from bes.errors import IntegrityError
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.blocks import Block
from scoring.contract.reading.cutting import Cutter
from scoring.contract.reading.dialect import Dialect
from scoring.contract.reading.strict import StrictReader

_DIALECT: Final = Dialect()
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# Most headers end within this; a longer one is looked for in steps of four times as much.
_HEADER_BYTES: Final = 4 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A file of which the header is read.

    Args:
        path: UTF-8, with or without a byte order mark.
        what: How an error calls it, at the beginning of a sentence.
        header: As it stands there: names may be empty or stand twice. Empty when the file is.
        offset: Of the first record, in bytes.
    """

    path: Path
    what: str
    header: tuple[str, ...]
    offset: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records below the header; null for an empty cell. The columns are named by their places, from 0.

        Raises:
            IntegrityError: A record cannot be read; gives its number.
        """
        if not self.header:
            return
        reader = BlockReader(_DIALECT, [str(place) for place in range(len(self.header))])
        n_records = 0
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for chunk in Cutter(_DIALECT, len(self.header)).chunks(file, self.offset):
                block = reader.read(chunk)
                yield self._text(block, n_records) if block.unreadable else block.text
                n_records += block.n_records

    def _text(self, block: Block, n_before: int) -> pa.RecordBatch:
        for record in block.unreadable:
            if record.fault != "blank_line" or len(self.header) > 1:
                raise _unreadable(self.what, f"record {n_before + record.place.index + 1}", record.message)
        # In a file of one column a blank line is a record of one empty cell, and many programs write it so.
        row = np.full(block.n_records, -1)
        row[block.index] = np.arange(block.text.num_rows)
        return block.text.take(pa.array(row, mask=row < 0))


def open_csv(path: Path, *, what: str) -> CsvFile:
    """Read the header of a file.

    Args:
        path: The file.
        what: How an error calls it, at the beginning of a sentence.

    Raises:
        IntegrityError: The header cannot be read.
    """
    with path.open("rb") as file:
        is_marked = file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK
        header, offset = _header(file, len(_BYTE_ORDER_MARK) if is_marked else 0, what)
    return CsvFile(path=path, what=what, header=header, offset=offset)


def _header(file: BinaryIO, start: int, what: str) -> tuple[tuple[str, ...], int]:
    reader = StrictReader(_DIALECT, None)
    size = _HEADER_BYTES
    while True:
        file.seek(start)
        data = file.read(size)
        is_end = len(data) < size
        reading = reader.read(data, is_end=is_end)
        if reading.readable and reading.readable[0].place.index == 0:
            header = reading.readable[0]
            return header.cells, start + header.place.end
        if reading.unreadable:
            raise _unreadable(what, "the header", reading.unreadable[0].message)
        if is_end:
            return (), start
        size *= 4


def _unreadable(what: str, which: str, message: str) -> IntegrityError:
    # What follows is for the one who writes the file by hand.
    why = message.partition(";")[0]
    return IntegrityError(
        f"{what} is not CSV in UTF-8: in {which}, {why}.",
        "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
    )

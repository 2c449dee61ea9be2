"""Chunks as blocks: Arrow reads what it takes for what it is, and the strict reader the records that it does not."""

import codecs
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from scoring.contract.reading.arrow_reader import ArrowReader
from scoring.contract.reading.blocks import Block, Places, joined
from scoring.contract.reading.cutting import Chunk, Cutter
from scoring.contract.reading.dialect import Dialect
from scoring.contract.reading.strict import StrictReader, StrictReading

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_DECODED_BYTES: Final = 64 * 1024


class BlockReader:
    """Reads chunks of files of one form; in any thread.

    Args:
        dialect: How the files are written.
        columns: Names of the columns, in the order of the file.
    """

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._columns = list(columns)
        self._arrow = ArrowReader(dialect, columns)
        self._strict = StrictReader(dialect, len(columns))
        self._cutter = Cutter(dialect, len(columns))

    def read(self, chunk: Chunk) -> Block:
        """The records of a chunk."""
        if chunk.reading is not None:
            return self._from_reading(chunk.data, chunk.reading)
        block = self._arrow.read(chunk.data) if self._is_sound(chunk.data) else None
        return block or joined(chunk.data, list(self._around_spots(chunk.data)))

    def read_strictly(self, data: bytes | bytearray) -> Block:
        """The records of bytes of which some quotes neither open a field nor close one."""
        return self._from_reading(data, self._strict.read(data, is_end=True))

    def _is_sound(self, data: bytes | bytearray) -> bool:
        """Whether Arrow takes every byte for what it is: a byte order mark it drops, and a NUL it keeps."""
        return b"\0" not in data and not data.startswith(_BYTE_ORDER_MARK) and self._is_text(data)

    def _is_text(self, data: bytes | bytearray) -> bool:
        """Whether all of it is UTF-8, asked once and not cell by cell; other encodings are decoded, or cannot be."""
        if self._dialect.encoding != "utf-8" or data.isascii():
            return True
        bounds = pa.py_buffer(np.array([0, len(data)], dtype=np.int32))
        try:
            pa.StringArray.from_buffers(1, bounds, pa.py_buffer(data)).validate(full=True)
        except pa.ArrowInvalid:
            return False
        return True

    def _around_spots(self, data: bytes | bytearray) -> Iterator[Block]:
        """The records before a spot that Arrow does not take, then that around it, and so on to the end."""
        start, undecodable = 0, -1
        while start < len(data):
            if undecodable < start:
                undecodable = self._undecodable(data, start)
            spot = min(undecodable, _nul_or_mark(data, start))
            record = len(data) if spot == len(data) else start + self._cutter.last_record_end(data[start:spot])
            if record > start:
                part = data[start:record]
                yield self._arrow.read(part) or self.read_strictly(part)
            if record < len(data):
                part = self._first_records(data[record:], spot - record)
                yield self.read_strictly(part)
                record += len(part)
            start = record

    def _first_records(self, data: bytes | bytearray, spot: int) -> bytes | bytearray:
        """Few records from the first one on, which holds `spot`."""
        end = spot
        while True:
            end = data.find(b"\n", end) + 1 or len(data)
            reading = self._strict.read(data[:end], is_end=end == len(data))
            if reading.end > spot:
                return data[: reading.end]

    def _undecodable(self, data: bytes | bytearray, start: int) -> int:
        """Place of the first byte from `start` on that is not of the file's encoding; the end if there is none."""
        if self._dialect.encoding == "utf-8" and self._is_text(data[start:]):
            return len(data)
        while start < len(data):
            # Not all at once: as text, it would take four times the memory.
            window = data[start : start + _DECODED_BYTES]
            try:
                start += self._decoded(window, is_last=start + len(window) == len(data))
            except UnicodeDecodeError as error:
                return start + error.start
        return len(data)

    def _decoded(self, window: bytes | bytearray, *, is_last: bool) -> int:
        """How many bytes of the window are text; those of a character that may go on are not among them."""
        if self._dialect.encoding == "utf-8":
            return codecs.utf_8_decode(window, "strict", is_last)[1]
        return len(window.decode(self._dialect.encoding))

    def _from_reading(self, data: bytes | bytearray, reading: StrictReading) -> Block:
        cells = zip(*(record.cells for record in reading.readable), strict=True)
        columns = [pa.array([cell or None for cell in column], type=pa.string()) for column in cells]
        columns = columns or [pa.array([], type=pa.string()) for _ in self._columns]
        places = [record.place for record in reading.readable]
        return Block(
            data=data,
            text=pa.RecordBatch.from_arrays(columns, names=self._columns),
            unreadable=reading.unreadable,
            n_records=reading.n_records,
            n_lines=reading.n_lines,
            known_places=Places(
                index=np.array([place.index for place in places], dtype=np.int64),
                line=np.array([place.line for place in places], dtype=np.int64),
                start=np.array([place.start for place in places], dtype=np.int64),
                end=np.array([place.end for place in places], dtype=np.int64),
            ),
        )


def _nul_or_mark(data: bytes | bytearray, start: int) -> int:
    """Place of the first NUL from `start` on, or of a byte order mark right there; the end if there is none."""
    if data.startswith(_BYTE_ORDER_MARK, start):
        return start
    found = data.find(b"\0", start)
    return len(data) if found < 0 else found

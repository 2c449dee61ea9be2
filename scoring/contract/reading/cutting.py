"""Cuts a file into chunks of whole records, however long it is, without reading one of them.

Where every quote opens a field or closes one, a line end outside quotes ends a record, and all of that is seen on
whole arrays of positions. Where a quote stands that does neither, the strict reader finds the records around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from scoring.contract.reading.byte_search import count_byte, places_of_byte
from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from scoring.contract.reading.strict import StrictReader, StrictReading

# Measured: half of it takes a tenth more CPU, and twice as much takes more memory and no less CPU.
CHUNK_BYTES: Final = 4 * 1024 * 1024
# A record takes memory beside its bytes, most of all one that is refused.
CHUNK_LINES: Final = 32 * 1024
# The strict reader takes 30 MB a second, so it is given little around what the fast way cannot take.
STRICT_BYTES: Final = 16 * 1024

_LINE_FEED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Whole records of a file.

    Args:
        offset: Place of the first byte in the file.
        data: The records, with their line ends.
        reading: What the strict reader found in them; None where every quote opens a field or closes one.
    """

    offset: int
    data: bytes | bytearray
    reading: StrictReading | None

    @property
    def is_clean(self) -> bool:
        """Whether line ends outside quotes tell where its records end."""
        return self.reading is None


class Cutter:
    """Cuts files of one dialect.

    Args:
        dialect: How the files are written.
        n_columns: Fields that a record must have.
        chunk_bytes: About the size of a chunk; a single record may be larger.
    """

    def __init__(self, dialect: Dialect, n_columns: int, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._quote = (dialect.quote or "").encode()
        self._strict = StrictReader(dialect, n_columns)
        self._chunk_bytes = chunk_bytes
        self._beside_quotes = np.zeros(256, dtype=bool)
        self._beside_quotes[list(b"\r\n" + dialect.delimiter.encode() + self._quote)] = True

    def chunks(self, file: BinaryIO, offset: int) -> Iterator[Chunk]:
        """The chunks of a file, which together are all of it from `offset` on.

        Args:
            file: Open for reading; it may be moved.
            offset: Where the first record begins, in bytes.
        """
        size_bytes = self._chunk_bytes
        needs_all = False
        while True:
            # What a chunk leaves over is read again: that costs less than to copy it, or the chunk.
            data = _read(file, offset, size_bytes)
            if not data:
                return
            is_end = len(data) < size_bytes
            most_bytes = len(data) if needs_all else _most_bytes(data)
            if most_bytes < len(data):
                del data[most_bytes:]
                is_end = False
            cut = self._next(data, is_end=is_end)
            needs_all = not cut.end
            if needs_all:
                # The steps double, or the bytes of a long record would be looked at over and over.
                size_bytes = min(2 * size_bytes, MAX_RECORD_BYTES + 1 + self._chunk_bytes)
                continue
            del data[cut.end :]
            yield Chunk(offset=offset, data=data, reading=cut.reading)
            offset += cut.end
            # Where one quote is wrong, others are near; and where lines are short, most of what is read is left over.
            size_bytes = min(2 * (STRICT_BYTES if cut.reading else max(cut.end, STRICT_BYTES)), self._chunk_bytes)
            if cut.reading and cut.reading.goes_on:
                offset = _end_of_line(file, offset)

    def last_record_end(self, data: bytes | bytearray) -> int:
        """Where the last record ends that ends for sure in `data`, which begins with a record; 0 if none does."""
        quotes, limit = self._quotes(data)
        return _last_boundary(data, quotes[quotes < limit], limit)

    def _next(self, data: bytes | bytearray, *, is_end: bool) -> "_Cut":
        """The end of the first chunk; 0 if more bytes are needed."""
        quotes, limit = self._quotes(data)
        if is_end and limit == len(data) and len(quotes) % 2 == 0:
            boundary = len(data)
        else:
            boundary = _last_boundary(data, quotes[quotes < limit], limit)
        # A record that is longer than it may be is the strict reader's to refuse.
        if len(data) <= MAX_RECORD_BYTES:
            if boundary:
                return _Cut(boundary)
            if limit == len(data) and not is_end:
                return _Cut(0)
        return self._strictly(data, is_end=is_end)

    def _strictly(self, data: bytes | bytearray, *, is_end: bool) -> "_Cut":
        size = STRICT_BYTES
        while True:
            window = data[:size]
            is_all = len(window) == len(data)
            reading = self._strict.read(window, is_end=is_end and is_all)
            if reading.end or is_all:
                return _Cut(reading.end, reading)
            size *= 4

    def _quotes(self, data: bytes | bytearray) -> tuple[npt.NDArray[np.int64], int]:
        """Places of the quotes, and of the first that neither opens a field nor closes one; the end if none is."""
        if not self._quote:
            return np.empty(0, dtype=np.int64), len(data)
        array = np.frombuffer(data, dtype=np.uint8)
        quotes = places_of_byte(self._quote[0], array)
        opening, closing = quotes[0::2], quotes[1::2]
        opens = self._beside_quotes[array[opening - 1]] | (opening == 0)
        # What follows the last byte is not known yet; no record is cut there.
        closes = self._beside_quotes[array[np.minimum(closing + 1, len(array) - 1)]]
        wrong = np.concatenate([opening[~opens], closing[~closes]])
        return quotes, int(wrong.min()) if len(wrong) else len(data)


@dataclass(frozen=True, slots=True)
class _Cut:
    end: int
    reading: StrictReading | None = None


def _last_boundary(data: bytes | bytearray, quotes: npt.NDArray[np.int64], limit: int) -> int:
    """The byte after the last line end outside quotes and before `limit`; 0 if there is none."""
    n_closed = len(quotes) - len(quotes) % 2
    gap_end = limit if n_closed == len(quotes) else int(quotes[-1])
    while True:
        gap_start = int(quotes[n_closed - 1]) + 1 if n_closed else 0
        found = data.rfind(b"\n", gap_start, gap_end)
        if found >= 0 or not n_closed:
            return found + 1
        n_closed -= 2
        gap_end = int(quotes[n_closed])


def _most_bytes(data: bytearray) -> int:
    """How many bytes of `data` to take, so that a chunk of short lines does not hold more than a chunk may."""
    array = np.frombuffer(data, dtype=np.uint8)
    if count_byte(_LINE_FEED, array) <= CHUNK_LINES:
        return len(data)
    return int(places_of_byte(_LINE_FEED, array)[CHUNK_LINES - 1]) + 1


def _read(file: BinaryIO, offset: int, size_bytes: int) -> bytearray:
    data = bytearray(size_bytes)
    file.seek(offset)
    n_read = file.readinto(data)  # type: ignore[attr-defined]
    del data[n_read:]
    return data


def _end_of_line(file: BinaryIO, offset: int) -> int:
    """The byte after the next line end; the end of the file if there is none."""
    while data := _read(file, offset, CHUNK_BYTES):
        line_end = data.find(b"\n")
        if line_end >= 0:
            return offset + line_end + 1
        offset += len(data)
    return offset

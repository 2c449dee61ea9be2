"""A chunk of a file as a block: its records as columns of text, each with its place, and those that cannot be read.

Arrow parses a chunk at once. It would repair what is not quite CSV without a word, so its result counts only where
every line end is accounted for. Otherwise smaller pieces are tried; what still does not add up is read strictly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from scoring.contract.reading.cutting import Chunk, Cutter
from scoring.contract.reading.dialect import Dialect
from scoring.contract.reading.strict import StrictReader, StrictReading, Unreadable

_LINE_FEED: Final = 10
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# What quarantine.csv shows of a record that cannot be read: an unclosed quote may take up megabytes.
_RAW_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where the readable records of a block stand in it. All have the shape (n_rows,), int64.

    Args:
        index: Place among all records of the block, from 0.
        line: Physical line on which the record begins, from 0.
        start: Its first byte.
        end: The byte after its line end.
    """

    index: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The records of a chunk.

    Args:
        data: The chunk's bytes.
        text: The readable records, a text column for each column of the contract; null for an empty cell.
        unreadable: The others.
        n_records: Readable and unreadable ones.
        n_lines: Physical lines that they take.
        known_places: None where every record is readable; see `places`.
    """

    data: bytes | bytearray
    text: pa.RecordBatch
    unreadable: tuple[Unreadable, ...]
    n_records: int
    n_lines: int
    known_places: Places | None

    @property
    def index(self) -> npt.NDArray[np.int64]:
        """Shape (n_rows,): place of each readable record among all records, from 0."""
        return np.arange(self.text.num_rows) if self.known_places is None else self.known_places.index

    def places(self) -> Places:
        """Where the readable records stand. It costs a look at every cell that may hold a line end."""
        return self.known_places or _places(self.text, self.data)

    def raw(self, rows: npt.NDArray[np.int64], encoding: str) -> pa.StringArray:
        """Readable records as they stand in the file, without their line ends.

        Args:
            rows: Shape (n,), ascending: which of the readable ones.
            encoding: Of the file.
        """
        places = self.places()
        bounds = np.column_stack([places.start[rows], places.end[rows]]).astype(np.int32).ravel()
        # Every other one is a gap between two of the records.
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self.data)]
        between = pa.Array.from_buffers(pa.binary(), max(0, len(bounds) - 1), buffers)
        records = between.take(pa.array(np.arange(0, len(between), 2)))
        if encoding != "utf-8":
            records = pa.array([record.decode(encoding) for record in records.to_pylist()], type=pa.string())
        return pc.utf8_rtrim(records.cast(pa.string()), characters="\r\n")

    def without_unreadable(self) -> "Block":
        """The same readable records alone; places and numbers stay."""
        return replace(self, unreadable=())

    def raw_unreadable(self, record: Unreadable, encoding: str) -> str:
        """The first bytes of a record that cannot be read; those that are no text as `\\xff`."""
        shown = self.data[record.place.start : min(record.place.end, record.place.start + _RAW_BYTES)]
        return shown.decode(encoding, errors="backslashreplace").rstrip("\r\n")


class BlockReader:
    """Reads chunks of files of one form; in any thread.

    Args:
        dialect: How the files are written.
        columns: Names of the columns, in the order of the file.
    """

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._columns = list(columns)
        self._strict = StrictReader(dialect, len(columns))
        self._cutter = Cutter(dialect, len(columns))

    def read(self, chunk: Chunk) -> Block:
        """The records of a chunk."""
        if chunk.reading is not None:
            return self._from_reading(chunk.data, chunk.reading)
        whole = self._parsed(chunk.data)
        if whole is not None:
            return whole
        return _joined(chunk.data, [self._read_piece(piece) for piece in self._cutter.pieces(chunk.data)])

    def read_strictly(self, data: bytes | bytearray) -> Block:
        """The records of bytes of which some quotes neither open a field nor close one."""
        return self._from_reading(data, self._strict.read(data, is_end=True))

    def _read_piece(self, piece: Chunk) -> Block:
        if piece.reading is not None:
            return self._from_reading(piece.data, piece.reading)
        return self._parsed(piece.data) or self.read_strictly(piece.data)

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

    def _parsed(self, data: bytes | bytearray) -> Block | None:
        """The records as Arrow reads them; None where it may have read something else than stands there."""
        text = self._parse(data) if self._is_safe(data) else None
        n_lines = _n_line_feeds(np.frombuffer(data, dtype=np.uint8)) + (not data.endswith(b"\n"))
        if text is None or _may_be_blank(text) or n_lines - _inner_line_feeds(text) != text.num_rows:
            return None
        return Block(data=data, text=text, unreadable=(), n_records=text.num_rows, n_lines=n_lines, known_places=None)

    def _is_safe(self, data: bytes | bytearray) -> bool:
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

    def _parse(self, data: bytes | bytearray) -> pa.RecordBatch | None:
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(data),
                read_options=pa_csv.ReadOptions(
                    column_names=self._columns,
                    block_size=len(data) + 1,
                    use_threads=False,
                    # Any other spelling of it, and Arrow would have Python decode the bytes.
                    encoding="utf8" if self._dialect.encoding == "utf-8" else self._dialect.encoding,
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    quote_char=self._dialect.quote or False,
                    ignore_empty_lines=False,
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(self._columns, pa.string()), check_utf8=False
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        batches = table.to_batches()
        if len(batches) != 1:
            return None
        # Arrow could make nulls of empty cells itself; that takes it much longer.
        columns = [_with_nulls(column) for column in batches[0].columns]
        return pa.RecordBatch.from_arrays(columns, names=self._columns)


def _may_be_blank(text: pa.RecordBatch) -> bool:
    """Whether all cells of a row are empty: then its line may be blank, which Arrow does not tell."""
    empty = None
    for column in text.columns:
        if not column.null_count:
            return False
        empty = pc.is_null(column) if empty is None else pc.and_(empty, pc.is_null(column))
        if not pc.any(empty).as_py():
            return False
    return True


def _offsets(column: pa.StringArray) -> npt.NDArray[np.int32]:
    return np.frombuffer(column.buffers()[1], dtype=np.int32)[: len(column) + 1]


def _with_nulls(column: pa.StringArray) -> pa.StringArray:
    """The same cells with null for each that is empty."""
    is_filled = np.diff(_offsets(column)) > 0
    if is_filled.all():
        return column
    validity = pa.py_buffer(np.packbits(is_filled, bitorder="little"))
    return pa.StringArray.from_buffers(len(column), *column.buffers()[1:], validity)


def _values(column: pa.Array) -> npt.NDArray[np.uint8]:
    buffer = column.buffers()[2]
    return np.frombuffer(buffer, dtype=np.uint8) if buffer is not None else np.empty(0, dtype=np.uint8)


def _n_line_feeds(values: npt.NDArray[np.uint8]) -> int:
    # Four times as fast as bytes.count, which starts anew at each one.
    return int(np.count_nonzero(values == _LINE_FEED))


def _inner_line_feeds(text: pa.RecordBatch) -> int:
    return sum(_n_line_feeds(_values(column)) for column in text.columns)


def _places(text: pa.RecordBatch, data: bytes | bytearray) -> Places:
    """Where the records stand when all are readable: each takes the line feeds in its cells and its own."""
    n_rows = text.num_rows
    n_inner = np.zeros(n_rows, dtype=np.int64)
    for column in text.columns:
        feeds = np.flatnonzero(_values(column) == _LINE_FEED)
        if len(feeds):
            offsets = _offsets(column)
            n_inner += np.searchsorted(feeds, offsets[1:]) - np.searchsorted(feeds, offsets[:-1])
    line = np.concatenate([[0], np.cumsum(n_inner + 1)])
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _LINE_FEED) + 1
    starts = np.concatenate([[0], ends, [len(data)]])
    return Places(index=np.arange(n_rows), line=line[:-1], start=starts[line[:-1]], end=starts[line[1:]])


def _joined(data: bytes | bytearray, blocks: Sequence[Block]) -> Block:
    """Blocks that follow each other as one."""
    shifted = list(_shifted(blocks))
    places = [places for places, _ in shifted]
    return Block(
        data=data,
        text=pa.concat_batches([block.text for block in blocks]),
        unreadable=tuple(record for _, records in shifted for record in records),
        n_records=sum(block.n_records for block in blocks),
        n_lines=sum(block.n_lines for block in blocks),
        known_places=Places(
            index=np.concatenate([one.index for one in places]),
            line=np.concatenate([one.line for one in places]),
            start=np.concatenate([one.start for one in places]),
            end=np.concatenate([one.end for one in places]),
        ),
    )


def _shifted(blocks: Sequence[Block]) -> Iterator[tuple[Places, list[Unreadable]]]:
    """The places in each block, counted from the first block on."""
    index = line = offset = 0
    for block in blocks:
        of = block.places()
        yield (
            Places(index=of.index + index, line=of.line + line, start=of.start + offset, end=of.end + offset),
            [record.shifted(index=index, line=line, offset=offset) for record in block.unreadable],
        )
        index, line, offset = index + block.n_records, line + block.n_lines, offset + len(block.data)

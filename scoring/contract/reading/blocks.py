"""A block: the records of a stretch of a file as columns of text with their places, and those that cannot be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.reading.byte_search import places_of_byte
from scoring.contract.reading.strict import Unreadable

LINE_FEED: Final = 10
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
        return self.known_places or places_of(line_feeds_inside(self.text), self.data)

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


def places_of(n_line_feeds: npt.NDArray[np.int64], data: bytes | bytearray) -> Places:
    """Where all records of some bytes stand.

    Args:
        n_line_feeds: Shape (n_records,): those inside each record; its own line end is not among them.
        data: The records.
    """
    line = np.concatenate([[0], np.cumsum(n_line_feeds + 1)])
    ends = places_of_byte(LINE_FEED, np.frombuffer(data, dtype=np.uint8)) + 1
    starts = np.concatenate([[0], ends, [len(data)]])
    return Places(index=np.arange(len(n_line_feeds)), line=line[:-1], start=starts[line[:-1]], end=starts[line[1:]])


def line_feeds_inside(text: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Shape (n_rows,): the line feeds in the cells of each row."""
    n_inside = np.zeros(text.num_rows, dtype=np.int64)
    for column in text.columns:
        feeds = places_of_byte(LINE_FEED, bytes_of(column))
        if len(feeds):
            offsets = offsets_of(column)
            n_inside += np.searchsorted(feeds, offsets[1:]) - np.searchsorted(feeds, offsets[:-1])
    return n_inside


def offsets_of(column: pa.StringArray) -> npt.NDArray[np.int32]:
    """Shape (n_rows + 1,): where each cell begins among the bytes of all; of a column that begins at its first row."""
    return np.frombuffer(column.buffers()[1], dtype=np.int32)[: len(column) + 1]


def bytes_of(column: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The bytes of all cells, one after the other."""
    buffer = column.buffers()[2]
    return np.frombuffer(buffer, dtype=np.uint8) if buffer is not None else np.empty(0, dtype=np.uint8)


def joined(data: bytes | bytearray, blocks: Sequence[Block]) -> Block:
    """Blocks that follow each other, as one.

    Args:
        data: Their bytes.
        blocks: At least one.
    """
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

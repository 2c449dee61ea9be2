"""The accepted rows of a file: where they stand in it. The file itself is the only copy of them."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bes.blocks import each_block
from bes.errors import InputError
from bes.files import read_at
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.blocks import Block
from scoring.contract.reading.cutting import Chunk
from scoring.contract.reading.dialect import Dialect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkMap:
    """The chunks in which a file was read, in order. All have the shape (n_chunks,), int64 but for the last.

    Args:
        offset: Of the first byte in the file.
        size_bytes: Of the chunk.
        first_record: Number of its first record in the file, from 1.
        first_line: Physical line on which that begins, from 1.
        n_records: Records that begin in it.
        n_readable: Those of them that can be read.
        is_clean: Whether it was cut without the strict reader.
    """

    offset: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    first_record: npt.NDArray[np.int64]
    first_line: npt.NDArray[np.int64]
    n_records: npt.NDArray[np.int64]
    n_readable: npt.NDArray[np.int64]
    is_clean: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedFile:
    """A file that was read to its end.

    Args:
        name: How people call it.
        columns: In the order of the file.
        chunks: How it was read.
        stretches: Shape (n_stretches,), int64, ascending: number of the record with which each stretch begins that one
            job may be given; None where jobs may have any number of bytes.
    """

    path: Path
    name: str
    dialect: Dialect
    columns: tuple[str, ...]
    chunks: ChunkMap
    stretches: npt.NDArray[np.int64] | None = None

    @property
    def n_records(self) -> int:
        """Records of the file, readable or not."""
        return int(self.chunks.n_records.sum())

    def reread(self, numbers: Sequence[int], *, n_threads: int = 1) -> Iterator[tuple[int, Block]]:
        """Chunks by their numbers, from 0, each with the block that was read from it before.

        Args:
            numbers: Which chunks.
            n_threads: That many are read at a time, which takes so many times the memory of one.

        Raises:
            InputError: The file is not what it was.
        """
        reader = BlockReader(self.dialect, self.columns)
        with self.path.open("rb") as file:
            read = partial(self._block, file.fileno(), reader)
            if n_threads == 1:
                # In this thread: with another for each shard, a run of 1 GB kept 15 MiB more.
                yield from ((number, read(number)) for number in numbers)
                return
            # Closed, since threads may still read when nobody wants more.
            with closing(each_block(read, numbers, connections=n_threads, n_held=n_threads)) as blocks:
                yield from zip(numbers, blocks, strict=True)

    def _block(self, file: int, reader: BlockReader, number: int) -> Block:
        offset, size = int(self.chunks.offset[number]), int(self.chunks.size_bytes[number])
        data = read_at(file, offset, size)
        if len(data) == size:
            is_clean = self.chunks.is_clean[number]
            chunk = Chunk(offset=offset, data=data, reading=None)
            block = reader.read(chunk) if is_clean else reader.read_strictly(data)
            if block.n_records == self.chunks.n_records[number]:
                return block
        raise InputError(
            f"The input file {str(self.path)!r} is not the one that this run has checked.",
            "Put the file back, or run again on the file as it is now.",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Some accepted rows.

    Args:
        text: A text column for each column that was asked for; null for an empty cell.
        record: Shape (n_rows,), int64: number of each record in its file, from 1.
    """

    text: pa.RecordBatch
    record: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AcceptedFile:
    """A file and the records of it that are scored.

    Args:
        rejected: Shape (n_rejected,), int64, ascending: numbers of the records that are not, from 1.
    """

    file: CheckedFile
    rejected: npt.NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        """Number of accepted rows."""
        return self.file.n_records - len(self.rejected)

    def record_of(self, row: int) -> int:
        """Number of the record of an accepted row.

        Args:
            row: Place among the accepted rows of this file, from 0.
        """
        n_accepted_before = self.rejected - 1 - np.arange(len(self.rejected))
        return row + 1 + int(np.searchsorted(n_accepted_before, row, side="right"))

    def spans(self, most_rows: int) -> Iterator[tuple[int, int]]:
        """The accepted rows in spans that one job may be given: the first row of each, from 0, and how many it has."""
        stretches = np.array([1]) if self.file.stretches is None else self.file.stretches
        # Of a stretch whose records are all rejected nothing is left.
        firsts = stretches - 1 - np.searchsorted(self.rejected, stretches)
        for first, end in itertools.pairwise([*firsts.tolist(), self.n_rows]):
            for row in range(first, end, most_rows):
                yield row, min(most_rows, end - row)

    def rows(self, first: int, n_rows: int, columns: Sequence[str], *, n_threads: int = 1) -> Iterator[Rows]:
        """Read accepted rows from the file, some thousands at a time.

        Args:
            first: Place of the first one among the accepted rows, from 0.
            n_rows: How many, at least 1.
            columns: Which columns, in which order.
            n_threads: So many chunks of the file are read at a time.

        Raises:
            InputError: The file is not what it was.
        """
        low, high = self.record_of(first), self.record_of(first + n_rows - 1)
        firsts = self.file.chunks.first_record
        begin, end = int(np.searchsorted(firsts, low, side="right")) - 1, int(np.searchsorted(firsts, high, "right"))
        for number, block in self.file.reread(range(begin, end), n_threads=n_threads):
            record = firsts[number] + block.index
            wanted = np.flatnonzero((record >= low) & (record <= high) & ~self._is_rejected(record))
            if len(wanted):
                text = block.text.select(list(columns))
                is_all = len(wanted) == text.num_rows
                yield Rows(text=text if is_all else text.take(pa.array(wanted)), record=record[wanted])

    def _is_rejected(self, record: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        if not len(self.rejected):
            return np.zeros(len(record), dtype=bool)
        nearest = self.rejected[np.minimum(np.searchsorted(self.rejected, record), len(self.rejected) - 1)]
        is_rejected: npt.NDArray[np.bool_] = nearest == record
        return is_rejected

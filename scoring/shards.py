"""Cuts the accepted rows into shards, one BES job's worth each. A shard is a map: its rows stay in the input file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.model import known_by
from scoring.contract.reading.accepted import AcceptedFile, Rows
from scoring.counted import counted
from scoring.csv_text import header_as_csv, rows_as_csv


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One BES job's worth of input, from one file.

    Args:
        index: Position in the run, from 0; the predictions are merged in this order.
        source: The file, and which of its records are accepted.
        offset: Place of its first row among the accepted rows of its file, from 0.
        first_row: Place of its first row among all accepted rows of the run, from 0.
        n_rows: Rows in it, at least 1.
        sent: Columns that the web service is given, in the order of its input port.
        key: The column that a row is known by; None where it is known by its place.
        passthrough: Columns that stay here and are joined to the predictions.
        part: Which part of the shard it is, when that was halved: 0 or 1 for each time. Empty for all of it.
        called: Name of a shard that is none of the input, in place of its position.
    """

    index: int
    source: AcceptedFile
    offset: int
    first_row: int
    n_rows: int
    sent: tuple[str, ...]
    key: str | None
    passthrough: tuple[str, ...]
    part: str = ""
    called: str = ""

    @property
    def file(self) -> str:
        """Name of the input file."""
        return self.source.file.name

    @property
    def name(self) -> str:
        """Its part of the names of files and blobs; in the order of the rows."""
        if self.called:
            return self.called
        return f"{self.index:05d}-{self.part}" if self.part else f"{self.index:05d}"

    @property
    def number(self) -> str:
        """Its position in the run, and which part of the shard it is."""
        if self.called:
            return self.called
        return f"{self.index}-{self.part}" if self.part else f"{self.index}"

    @property
    def label(self) -> str:
        """How people call it."""
        return f"shard {self.number} ({self.file}, {counted(self.n_rows, 'row')})"

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns of the predictions that come from the rows themselves: what they are known by, then passthrough."""
        return (*known_by(self.key), *self.passthrough)

    @property
    def first_record(self) -> int:
        """Number of its first record in the file, from 1."""
        return self.source.record_of(self.offset)

    @property
    def last_record(self) -> int:
        """Number of its last record in the file, from 1."""
        return self.source.record_of(self.offset + self.n_rows - 1)

    def halves(self) -> tuple["Shard", "Shard"]:
        """The shard as two, the first of them not the larger one.

        Raises:
            ValueError: It has a single row.
        """
        if self.n_rows == 1:
            raise ValueError(f"{self.label} cannot be halved")
        n_first = self.n_rows // 2
        return (
            replace(self, n_rows=n_first, part=f"{self.part}0"),
            replace(
                self,
                offset=self.offset + n_first,
                first_row=self.first_row + n_first,
                n_rows=self.n_rows - n_first,
                part=f"{self.part}1",
            ),
        )

    def sent_rows(self) -> Iterator[pa.RecordBatch]:
        """What the web service is given, some thousand rows at a time; null for an empty cell.

        Raises:
            InputError: The file is not what it was.
        """
        return (rows.text for rows in self.source.rows(self.offset, self.n_rows, self.sent))

    def kept_rows(self) -> Iterator[pa.RecordBatch]:
        """The kept columns of the same rows in the same order, as text; null for an empty cell.

        Raises:
            InputError: The file is not what it was.
        """
        return (self._kept_of(rows) for rows in self.source.rows(self.offset, self.n_rows, self._read_to_keep))

    def sent_csv(self, keep: Callable[[pa.RecordBatch], None] | None = None) -> Iterator[memoryview]:
        """What the web service is given as CSV with a header, piece by piece; the same bytes whenever they are made.

        Args:
            keep: Is given the kept columns of the rows of each piece, from the same reading.

        Raises:
            InputError: The file is not what it was.
        """
        yield header_as_csv(self.sent)
        columns = list(dict.fromkeys([*self.sent, *(self._read_to_keep if keep else ())]))
        for rows in self.source.rows(self.offset, self.n_rows, columns):
            if keep:
                keep(self._kept_of(rows))
            yield rows_as_csv([rows.text.column(name) for name in self.sent])

    @property
    def _read_to_keep(self) -> tuple[str, ...]:
        return self.passthrough if self.key is None else self.kept

    def _kept_of(self, rows: Rows) -> pa.RecordBatch:
        place = place_of(rows, self.file) if self.key is None else []
        columns = [rows.text.column(name) for name in self._read_to_keep]
        return pa.RecordBatch.from_arrays([*place, *columns], names=list(self.kept))


def cut_shards(
    accepted: Sequence[AcceptedFile],
    *,
    key: str | None,
    sent: Sequence[str],
    passthrough: Sequence[str],
    rows_per_job: int,
) -> list[Shard]:
    """Cut the accepted rows into shards, of which none holds rows of two files or of two stretches.

    Args:
        accepted: The files, in the order of the input.
        key: The column that a row is known by; None where it is known by its place.
        sent: Columns that the web service is given, in the order of its input port.
        passthrough: Columns that stay here and are joined to the predictions.
        rows_per_job: Most rows in a shard.
    """
    shards: list[Shard] = []
    first_row = 0
    for source in accepted:
        for offset, n_rows in source.spans(rows_per_job):
            shards.append(
                Shard(
                    index=len(shards),
                    source=source,
                    offset=offset,
                    first_row=first_row + offset,
                    n_rows=n_rows,
                    sent=tuple(sent),
                    key=key,
                    passthrough=tuple(passthrough),
                )
            )
        first_row += source.n_rows
    return shards


def place_of(rows: Rows, file: str) -> list[pa.Array]:
    """What rows are known by that have no key: two columns of text."""
    return [pa.repeat(file, len(rows.record)), pc.cast(pa.array(rows.record), pa.string())]

"""Mended rows: records that a person wrote, which stand for those of the input file in the same place."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from scoring.contract.model import PLACE, Contract
from scoring.contract.reading.accepted import AcceptedFile, Rows
from scoring.contract.reading.strict import StrictReader
from scoring.csv_text import header_as_csv, rows_as_csv
from scoring.requeue.quarantined import read_lines

_COLUMNS: Final = (*PLACE, "raw")

Cells = tuple[str, ...]
Place = tuple[str, int]
"""Name of the input file, and number of the record in it, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedRow:
    """A record as it was mended, without its line end.

    Args:
        file: Name of the input file.
        record: Which of its records it stands for, from 1.
    """

    file: str
    record: int
    raw: str

    @property
    def place(self) -> Place:
        """What it is known by."""
        return self.file, self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a mended row is refused, as the quarantine tells it."""

    column: str
    rule: str
    value: str
    message: str


def cells_of(raw: str, contract: Contract) -> Cells | Refusal:
    """The cells of one record, or why it is none."""
    encoding = contract.dialect.encoding
    try:
        data = raw.encode(encoding)
    except UnicodeEncodeError:
        return _refusal("bad_encoding", f"it holds characters that are not {encoding.upper()}; write them otherwise")
    reading = StrictReader(contract.dialect, len(contract.columns)).read(data, is_end=True)
    if reading.n_records != 1:
        message = f"it is {reading.n_records} records instead of one; put fields that hold line ends into quotes"
        return _refusal("several_records", message)
    for unreadable in reading.unreadable:
        return _refusal(unreadable.fault, unreadable.message)
    return reading.readable[0].cells


def _refusal(rule: str, message: str) -> Refusal:
    return Refusal(column="", rule=rule, value="", message=message)


def as_input(rows: Iterable[MendedRow], contract: Contract) -> bytes:
    """The rows as an input file of the contract, in their order.

    Args:
        rows: Each of them one record.
        contract: Whose dialect the file has.
    """
    text = io.StringIO(newline="")
    dialect = contract.dialect
    if dialect.header:
        quoting: Literal[0, 3] = csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL
        writer = csv.writer(text, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting)
        writer.writerow(contract.columns)
    for row in rows:
        text.write(f"{row.raw}\r\n")
    return text.getvalue().encode(dialect.encoding)


def write_rows(rows: Iterable[MendedRow], path: Path) -> None:
    """Write the rows with their places, for whoever asks what was scored instead of the input's own records."""
    columns = list(zip(*((row.file, str(row.record), row.raw) for row in rows), strict=True))
    path.write_bytes(header_as_csv(_COLUMNS))
    with path.open("ab") as file:
        file.write(rows_as_csv([pa.array(column, type=pa.string()) for column in columns]))


def read_rows(path: Path) -> list[MendedRow]:
    """The rows that were written before."""
    lines = read_lines(path, _COLUMNS)
    return [MendedRow(file=file, record=int(record), raw=raw) for _, (file, record, raw) in lines]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MendedFile(AcceptedFile):
    """An input file in which mended rows stand for some of its records.

    Args:
        mended: Their cells, by the numbers of the records that they stand for; none of them is rejected.
    """

    mended: Mapping[int, Cells]

    def rows(self, first: int, n_rows: int, columns: Sequence[str], *, n_threads: int = 1) -> Iterator[Rows]:
        """Read accepted rows, some from the file and some that were mended, in the order of their places.

        Raises:
            InputError: The file is not what it was.
        """
        low, high = self.record_of(first), self.record_of(first + n_rows - 1)
        waiting = np.array(sorted(record for record in self.mended if low <= record <= high), dtype=np.int64)
        for rows in self._own(low, high, columns, n_threads):
            n_here = int(np.searchsorted(waiting, rows.record[-1]))
            yield self._with_mended(rows, waiting[:n_here])
            waiting = waiting[n_here:]
        if len(waiting):
            yield Rows(text=self._cells(waiting.tolist(), columns), record=waiting)

    def _own(self, low: int, high: int, columns: Sequence[str], n_threads: int) -> Iterator[Rows]:
        """Rows of the file itself."""
        left_out = np.union1d(self.rejected, np.array(list(self.mended), dtype=np.int64))
        first, end = (bound - int(np.searchsorted(left_out, bound + 1)) for bound in (low - 1, high))
        own = AcceptedFile(file=self.file, rejected=left_out)
        return own.rows(first, end - first, columns, n_threads=n_threads) if end > first else iter(())

    def _with_mended(self, rows: Rows, records: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Rows:
        if not len(records):
            return rows
        n_own, at = len(rows.record), np.searchsorted(rows.record, records)
        order = np.insert(np.arange(n_own), at, n_own + np.arange(len(records)))
        text = pa.concat_batches([rows.text, self._cells(records.tolist(), rows.text.schema.names)])
        return Rows(text=text.take(pa.array(order)), record=np.insert(rows.record, at, records))

    def _cells(self, records: Sequence[int], columns: Sequence[str]) -> pa.RecordBatch:
        places = [self.file.columns.index(column) for column in columns]
        arrays = [
            pa.array([self.mended[record][place] or None for record in records], type=pa.string()) for place in places
        ]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

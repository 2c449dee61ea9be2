"""Counts as CSV without a table of numbers: rows of zeros as text, whose digits grow in place with each count."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.tables import csv_rows

Cells: TypeAlias = npt.NDArray[np.int64]
Pairs: TypeAlias = npt.NDArray[np.uint16]

CROWDED = 4
"""Counts a cell, on average, above which many cells need more than one digit: numbers are written faster then."""

LAST_DIGIT = 9
"""The largest count that is one character."""

MAX_COUNT = (1 << 16) - 1
"""What a pair of bytes can tell of a count."""


def counts_csv(cells: Cells, *, n_rows: int, n_columns: int, delimiter: str) -> memoryview:
    """Rows of counts as CSV, byte for byte as Arrow writes them.

    Args:
        cells: One for each thing counted: its row times `n_columns`, plus its column.
        n_rows: Number of rows.
        n_columns: Number of columns.
        delimiter: What separates the cells; one ASCII character.
    """
    if len(cells) > CROWDED * n_rows * n_columns or _may_overflow(cells, n_columns):
        return _written_from_numbers(cells, n_rows, n_columns, delimiter)
    zero = np.frombuffer(f"0{delimiter}".encode(), dtype="<u2")[0]
    # A cell is a pair of bytes, so that a count above 9 is not lost: it is what the pair has grown by.
    pairs = np.full(n_rows * n_columns, zero, dtype="<u2")
    np.add.at(pairs, cells, np.uint16(1))
    long_cells = np.unique(cells[pairs[cells] - zero > LAST_DIGIT])
    long_counts = pairs[long_cells] - zero
    pairs[long_cells] = zero
    text = pairs.view(np.uint8)
    text[2 * n_columns - 1 :: 2 * n_columns] = ord("\n")
    return _with_long_counts(text.data, 2 * long_cells, long_counts)


def _may_overflow(cells: Cells, n_columns: int) -> bool:
    return len(cells) > MAX_COUNT and int(np.bincount(cells // n_columns).max()) > MAX_COUNT


def _with_long_counts(text: memoryview, places: Cells, counts: Pairs) -> memoryview:
    """`text` with the digits at `places` replaced by `counts`."""
    if not len(places):
        return text
    pieces: list[bytes | memoryview] = []
    done = 0
    for place, count in zip(places.tolist(), counts.tolist(), strict=True):
        pieces += text[done:place], b"%d" % count
        done = place + 1
    return memoryview(b"".join([*pieces, text[done:]]))


def _written_from_numbers(cells: Cells, n_rows: int, n_columns: int, delimiter: str) -> memoryview:
    counts = np.bincount(cells, minlength=n_rows * n_columns).reshape(n_rows, n_columns)
    columns = [pa.array(column) for column in np.ascontiguousarray(counts.T)]
    return csv_rows(pa.record_batch(columns, names=[str(index) for index in range(n_columns)]), delimiter)

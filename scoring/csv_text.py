"""Our own CSV: UTF-8, quotes where they are needed, as RFC 4180 has it. Written and read in whole columns."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bes.errors import IntegrityError
from scoring.contract.reading.byte_search import WINDOW_BYTES
from scoring.contract.reading.dialect import MAX_RECORD_BYTES

LINE_END: Final = "\r\n"
"""Of all files that rows are written to, as RFC 4180 has it. A cell that holds either of its characters is put into
quotes; left bare, a lone CR ends the row for whoever reads it."""

_QUOTE: Final = '"'
_MARKS: Final = b'",\r\n'
"""A cell that holds one of them is put into quotes."""
_MARKED: Final = f"[{_MARKS.decode()}]"
_EMPTY: Final = "^$"

# Arrow reads 32 blocks ahead, so they are small; it takes no record that is longer than a block.
_BLOCK_BYTES: Final = 1024 * 1024
# Holds any two records of the input side by side, with all their quotes doubled.
_LARGE_BLOCK_BYTES: Final = 4 * MAX_RECORD_BYTES


def header_as_csv(names: Sequence[str]) -> memoryview:
    """The header line of a file with these columns."""
    return rows_as_csv([pa.array([name], type=pa.string()) for name in names])


def rows_as_csv(columns: Sequence[pa.Array]) -> memoryview:
    """The rows of a file, each with its line end.

    Args:
        columns: At least one, of text and of the same length; null is an empty cell.

    Returns:
        UTF-8. The same whether rows are written at once or in parts.
    """
    *before, last = [_quoted(column, is_alone=len(columns) == 1) for column in columns]
    rows = pc.binary_join_element_wise(last, "", LINE_END, null_handling="replace", null_replacement="")
    if before:
        rows = pc.binary_join_element_wise(*before, rows, ",", null_handling="replace", null_replacement="")
    # The text of all rows, one behind the other, is the file.
    return _text(rows)


def leading_columns(path: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The first columns of a file that was written here, a block at a time; null for an empty cell.

    Args:
        path: The file, which may hold what only its writer calls CSV in the columns behind: NUL, or names twice.
        names: What the first columns must be called.

    Raises:
        IntegrityError: The file was not written like that.
    """
    n_given = 0
    for n_bytes in (_BLOCK_BYTES, _LARGE_BLOCK_BYTES):
        try:
            for batch in _skipping(n_given, _blocks(path, names, n_bytes)):
                n_given += batch.num_rows
                yield batch
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            why = error
        else:
            return
    raise _damaged(path, str(why)) from why


def _blocks(path: Path, names: Sequence[str], n_bytes: int) -> Iterator[pa.RecordBatch]:
    places = [f"f{place}" for place in range(len(names))]
    # Large blocks that were read ahead would take gigabytes; mapped, they take none.
    with path.open("rb") if n_bytes == _BLOCK_BYTES else pa.memory_map(str(path)) as file:
        batches = pa_csv.open_csv(
            file,
            # Names may stand twice, so that the header is a record like any other to Arrow.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=n_bytes, autogenerate_column_names=True),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                include_columns=places,
                column_types=dict.fromkeys(places, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        first = next(batches)
        header = [column[0].as_py() for column in first.columns]
        if header != list(names):
            raise _damaged(path, f"its first columns are {header} instead of {list(names)}")
        yield first.slice(1)
        yield from batches


def _skipping(n_rows: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        skipped = min(n_rows, batch.num_rows)
        n_rows -= skipped
        yield batch.slice(skipped)


def _damaged(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{str(path)!r} is not as it was written: {why}.",
        "Nothing was published. Keep others out of it, and run again.",
    )


def _quoted(column: pa.Array, *, is_alone: bool) -> pa.Array:
    """The cells as they stand in a file; `is_alone` tells that there is no other column."""
    # A line with nothing on it is no row to many readers.
    cells = column.fill_null("") if is_alone else column
    text = _text(cells)
    # Most columns hold no mark, which a search for single bytes tells at memory speed.
    quoted = [_MARKED] if _holds_one(text, _MARKS) else []
    quoted += [_EMPTY] if is_alone else []
    if not quoted:
        return cells
    # Arrow looks at a cell up to its first mark. Masks over all bytes take five times as long, most of it for memory.
    is_quoted = pc.match_substring_regex(cells, "|".join(quoted))
    quote = pc.if_else(is_quoted, _QUOTE, "")
    doubled = pc.replace_substring(cells, _QUOTE, _QUOTE * 2) if _holds_one(text, _QUOTE.encode()) else cells
    return pc.binary_join_element_wise(quote, doubled, quote, "")


def _holds_one(text: memoryview, marks: bytes) -> bool:
    windows = (bytes(text[start : start + WINDOW_BYTES]) for start in range(0, len(text), WINDOW_BYTES))
    return any(mark in window for window in windows for mark in marks)


def _offsets(column: pa.Array) -> npt.NDArray[np.int32]:
    """Shape (n_rows + 1,): where each cell begins in the buffer of all cells' text, and where the last one ends."""
    buffer = np.frombuffer(column.buffers()[1], dtype=np.int32)
    return buffer[column.offset : column.offset + len(column) + 1]


def _text(column: pa.Array) -> memoryview:
    """The cells one behind the other."""
    first, end = (int(_offsets(column)[at]) for at in (0, -1))
    return memoryview(column.buffers()[2])[first:end] if end > first else memoryview(b"")

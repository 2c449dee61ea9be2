"""Records as Arrow reads them: a whole chunk at once, and only where nothing was repaired without a word.

Arrow takes a chunk for what it is as long as each of its quotes opens a field or closes one. Rows with too many or too
few fields it tells; blank lines it takes for empty rows, which are found by their bytes. And then every line end of the
chunk must be accounted for.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from scoring.contract.reading.blocks import (
    LINE_FEED,
    Block,
    Places,
    bytes_of,
    line_feeds_inside,
    offsets_of,
    places_of,
)
from scoring.contract.reading.byte_search import count_byte
from scoring.contract.reading.dialect import Dialect
from scoring.contract.reading.strict import Fault, Place, Unreadable, message_of

_LINE_ENDS: Final = b"\r\n"


class ArrowReader:
    """Reads records of one form; in any thread.

    Args:
        dialect: How the files are written.
        columns: Names of the columns, in the order of the file.
    """

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._columns = list(columns)

    def read(self, data: bytes | bytearray) -> Block | None:
        """The records of some bytes; None where Arrow may have read something else than stands there.

        Args:
            data: Whole records in which every quote opens a field or closes one, without NUL, in the file's encoding.
        """
        ragged: list[pa_csv.InvalidRow] = []
        text = self._parse(data, ragged)
        if text is None:
            return None
        n_lines = count_byte(LINE_FEED, np.frombuffer(data, dtype=np.uint8)) + (not data.endswith(b"\n"))
        n_inside = sum(count_byte(LINE_FEED, bytes_of(column)) for column in text.columns)
        n_inside += sum(row.text.count("\n") for row in ragged)
        if n_lines - n_inside != text.num_rows + len(ragged):
            return None
        if ragged or _may_be_blank(text):
            return self._with_faults(data, text, ragged, n_lines)
        return Block(data=data, text=text, unreadable=(), n_records=text.num_rows, n_lines=n_lines, known_places=None)

    def _parse(self, data: bytes | bytearray, ragged: list[pa_csv.InvalidRow]) -> pa.RecordBatch | None:
        def skip(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

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
                    invalid_row_handler=skip,
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

    def _with_faults(
        self, data: bytes | bytearray, text: pa.RecordBatch, ragged: Sequence[pa_csv.InvalidRow], n_lines: int
    ) -> Block:
        is_ragged = np.zeros(text.num_rows + len(ragged), dtype=bool)
        is_ragged[[row.number - 1 for row in ragged]] = True
        n_inside = np.zeros(len(is_ragged), dtype=np.int64)
        n_inside[~is_ragged] = line_feeds_inside(text)
        n_inside[is_ragged] = [row.text.count("\n") for row in ragged]
        places = places_of(n_inside, data)
        is_blank = np.zeros(len(is_ragged), dtype=bool)
        is_blank[~is_ragged] = _are_empty(text)
        for index in np.flatnonzero(is_blank):
            is_blank[index] = not data[places.start[index] : places.end[index]].strip(_LINE_ENDS)
        n_fields = {row.number - 1: row.actual_columns for row in ragged}
        unreadable = [self._unreadable("ragged_row", index, places, found) for index, found in n_fields.items()]
        unreadable += [self._unreadable("blank_line", int(index), places) for index in np.flatnonzero(is_blank)]
        is_readable = ~(is_ragged | is_blank)
        return Block(
            data=data,
            text=text.filter(pa.array(~is_blank[~is_ragged])),
            unreadable=tuple(sorted(unreadable, key=lambda record: record.place.index)),
            n_records=len(is_ragged),
            n_lines=n_lines,
            known_places=Places(
                index=places.index[is_readable],
                line=places.line[is_readable],
                start=places.start[is_readable],
                end=places.end[is_readable],
            ),
        )

    def _unreadable(self, fault: Fault, index: int, places: Places, found: int = 0) -> Unreadable:
        line, start, end = (int(values[index]) for values in (places.line, places.start, places.end))
        message = message_of(fault, dialect=self._dialect, found=found, wanted=len(self._columns))
        return Unreadable(place=Place(index=index, line=line, start=start, end=end), fault=fault, message=message)


def _with_nulls(column: pa.StringArray) -> pa.StringArray:
    """The same cells with null for each that is empty."""
    is_filled = np.diff(offsets_of(column)) > 0
    if is_filled.all():
        return column
    validity = pa.py_buffer(np.packbits(is_filled, bitorder="little"))
    return pa.StringArray.from_buffers(len(column), *column.buffers()[1:], validity)


def _may_be_blank(text: pa.RecordBatch) -> bool:
    """Whether all cells of a row are empty: then its line may be blank, which Arrow does not tell."""
    return all(column.null_count for column in text.columns) and bool(_are_empty(text).any())


def _are_empty(text: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Shape (n_rows,): whether all cells of a row are empty."""
    are_empty = np.ones(text.num_rows, dtype=bool)
    for column in text.columns:
        if not column.null_count:
            return np.zeros(text.num_rows, dtype=bool)
        are_empty &= pc.is_null(column).to_numpy(zero_copy_only=False)
    return are_empty

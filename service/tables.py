"""Tables as the service sees them: CSV read in blocks of text columns, typed on demand, written as the clients read it.

Every fault of the data is told by line and column of the file, as an editor counts them.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from service.declaration import Column, ColumnType
from service.errors import ScoringFailed, did_you_mean

BLOCK_BYTES = 8 << 20
"""Text parsed at a time, and the longest record that is sure to be read: a longer one may not fit into two blocks.
Input contracts let no longer one pass."""

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.STRING: pa.string(),
    ColumnType.INT32: pa.int32(),
    ColumnType.INT64: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE_TIME: pa.timestamp("us"),
}


class BadCell(Exception):
    """A cell that its column's type does not allow.

    Args:
        row: Index of the row in the batch.
        column: Name of the column.
        type_name: Type that the column has.
    """

    def __init__(self, row: int, column: str, type_name: str) -> None:
        super().__init__(row, column, type_name)
        self.row = row
        self.column = column
        self.type_name = type_name


WHOLE_NUMBER = r"^([+-]?[0-9]+)\.0*$"
"""A whole number written as a fraction."""


def typed(batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """The named text columns of `batch` as their declared types, in declared order. Empty text is null unless String.

    Raises:
        BadCell: The first cell that does not fit.
    """
    arrays = [_typed(batch.column(column.name), column) for column in columns]
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])
    return pa.record_batch(arrays, schema=schema)


def _typed(texts: pa.Array, column: Column) -> pa.Array:
    if column.type is ColumnType.STRING:
        return texts
    trimmed = pc.utf8_trim_whitespace(texts)
    values = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    target = ARROW_TYPES[column.type]
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        if pa.types.is_integer(target):
            # pandas makes 5.0 of a whole number as soon as its column has a gap.
            values = pc.replace_substring_regex(values, WHOLE_NUMBER, r"\1")
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        raise BadCell(_first_misfit(values, target), column.name, column.type) from None


def _first_misfit(values: pa.Array, target: pa.DataType) -> int:
    """Index of the first value that cannot be cast, found by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            values.slice(low, middle - low).cast(target)
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low


Opener = Callable[[], io.BufferedReader]
"""Opens a CSV file at its start: UTF-8 with a header line; a byte order mark and blank lines are skipped."""


def read_blocks(open_file: Opener, columns: Sequence[Column], delimiter: str) -> Iterator[pa.RecordBatch]:
    """The named columns of a CSV file as text, block by block, in order. Other columns are passed over.

    Args:
        open_file: Called once, and again only to find the place of a fault.
        columns: What the file must have.
        delimiter: What separates cells.

    Raises:
        ScoringFailed: The file is no such table; the message names line and column.
    """
    names = [column.name for column in columns]
    with open_file() as file:
        if not _has_rows(file, set(names), delimiter):
            return
        counted = _QuoteCounter(file)
        try:
            with pacsv.open_csv(
                pa.PythonFile(counted, mode="r"),
                # Without threads Arrow holds one block at a time.
                read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=names, strings_can_be_null=False
                ),
            ) as reader:
                yield from reader
        except pa.ArrowException as error:
            _look_for_fault(open_file, set(names), delimiter)
            raise ScoringFailed(" ".join(str(error).split())) from error
    if counted.n_quotes % 2:
        # Arrow lets the end of the file close a quote, and all rows behind a missing one would be a single cell.
        _look_for_fault(open_file, set(names), delimiter)


class _QuoteCounter:
    """A file that counts the quotes that are read from it."""

    closed = False

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.n_quotes = 0

    def read(self, n_bytes: int) -> bytes:
        data = self._file.read(n_bytes)
        self.n_quotes += data.count(b'"')
        return data


def _has_rows(file: io.BufferedReader, needed: set[str], delimiter: str) -> bool:
    """Check the header without consuming it; says whether anything follows."""
    head = file.peek()
    _, header = next(_records(io.BytesIO(head), delimiter), (1, []))
    if not header:
        raise ScoringFailed("The file is empty: line 1 must be a header with the names of the columns")
    for name in sorted(needed):
        if name not in header:
            message = f"Line 1: column '{name}' is missing from the header. {did_you_mean(name, header)}"
            raise ScoringFailed(message.rstrip(". "))
        if header.count(name) > 1:
            message = f"Line 1: column '{name}' stands in the header more than once"
            raise ScoringFailed(message)
    return b"\n" in head or b"\r" in head


def _look_for_fault(open_file: Opener, needed: set[str], delimiter: str) -> None:
    """Read a suspicious file record by record, which is slow, and raise `ScoringFailed` where it is at fault."""
    with open_file() as file:
        records = _records(file, delimiter)
        _, header = next(records)
        for line, record in records:
            _check_record(line, record, header, needed)


def line_of(open_file: Opener, delimiter: str, row: int) -> int:
    """The line of the file on which data row `row` begins; the first row is 0."""
    with open_file() as file:
        line, _ = next(islice(_records(file, delimiter), row + 1, None))
        return line


def _records(file: BinaryIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the line on which each begins."""
    # A record that is too long is told as such below.
    csv.field_size_limit(2 * BLOCK_BYTES)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        message = (
            f"Line {line}: the record that begins here does not end as it should; a quote may be missing ({error})"
        )
        raise ScoringFailed(message) from error


def _check_record(line: int, record: list[str], header: list[str], needed: set[str]) -> None:
    if len(record) != len(header):
        column = header[len(record)] if len(record) < len(header) else header[-1]
        place = "is missing" if len(record) < len(header) else "is followed by more cells"
        raise ScoringFailed(
            "All rows must have same number of elements: "
            f"line {line} has {len(record)} cells, the header {len(header)}; column '{column}' {place}"
        )
    if sum(len(cell.encode(errors="surrogateescape")) for cell in record) > BLOCK_BYTES:
        raise ScoringFailed(f"Line {line}: the record that begins here is longer than {BLOCK_BYTES:,} bytes")
    for name, cell in zip(header, record, strict=True):
        if name in needed and any("\udc80" <= letter <= "\udcff" for letter in cell):
            raise ScoringFailed(f"Line {line}, column '{name}': the text is not UTF-8")


def header_line(names: Sequence[str], delimiter: str) -> bytes:
    """The first line of an output, quoted only where it must be."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(names)
    return text.getvalue().encode()


def as_text(array: pa.Array) -> pa.Array:
    """A column as the wire shows it: texts or null, booleans as `True` and `False`."""
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "True", "False")
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def table_of(results: Sequence[npt.NDArray[Any]], columns: Sequence[Column]) -> pa.RecordBatch:
    """Results of a model, side by side, as a table with the declared columns.

    Args:
        results: Each of shape (n_rows,) or (n_rows, n_columns).
        columns: As many as the results have in all.

    Raises:
        ScoringFailed: The number of columns or the type of a value is not what was declared.
    """
    flat = [column for result in results for column in (result.reshape(len(result), -1).T if len(result) else [])]
    if not flat and all(len(result) == 0 for result in results):
        flat = [np.empty(0)] * len(columns)
    if len(flat) != len(columns):
        message = f"The model gives {len(flat)} columns, and {len(columns)} are declared"
        raise ScoringFailed(message)
    try:
        arrays = [
            pa.array(values.tolist()).cast(ARROW_TYPES[column.type])
            for values, column in zip(flat, columns, strict=True)
        ]
    except pa.ArrowException as error:
        message = f"The model's results do not have the declared types: {error}"
        raise ScoringFailed(message) from error
    return pa.record_batch(arrays, names=[column.name for column in columns])


def csv_rows(batch: pa.RecordBatch, delimiter: str) -> memoryview:
    """Rows as CSV, without a header."""
    columns = [as_text(column) if pa.types.is_boolean(column.type) else column for column in batch.columns]
    text = pa.BufferOutputStream()
    options = pacsv.WriteOptions(include_header=False, delimiter=delimiter)
    pacsv.write_csv(pa.record_batch(columns, names=batch.schema.names), text, options)
    return memoryview(text.getvalue())

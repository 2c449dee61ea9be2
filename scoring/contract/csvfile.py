"""One CSV file, read strictly and as text: `007`, `NA` and `1e5` stay what they are, and nothing is repaired.

The dialect is RFC 4180's with any line ends: commas, double quotes doubled inside quotes, UTF-8 with or without BOM.
What a lenient reader would guess at (a row that is too short, a quote in the middle of a bare field, a blank line) is
refused, because a wrong guess moves cells into other rows without a word.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn, TextIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from bes.errors import InputError
from scoring.contract.preflight import check_header, check_kind

# A cell of more than this is the rest of a file behind a quote that was never closed.
MAX_FIELD_CHARACTERS: Final = 8 * 1024 * 1024

Rule = Literal["ragged_row", "blank_line", "not_utf8", "nul", "bad_quoting", "oversize_field"]

_NEXT_STEP: Final[dict[Rule, str]] = {
    "ragged_row": "Put fields that hold commas or line ends into double quotes.",
    "blank_line": "Take the line out.",
    "not_utf8": "Save the file as UTF-8.",
    "nul": "Take the NUL character out; the file may be damaged, or UTF-16.",
    "bad_quoting": "Put the whole field into double quotes, and double the quotes inside it.",
    "oversize_field": "Look for a double quote that is never closed.",
}

# What `surrogateescape` makes of bytes that are not UTF-8.
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")

# A field in quotes, or one without any: Python's csv takes a quote inside a bare field for data, even when strict.
_FIELD: Final = r'(?:"(?:[^"]|"")*+"|[^",\r\n]*+)'
_RECORD: Final = re.compile(rf"{_FIELD}(?:,{_FIELD})*+(?:\r\n|\r|\n)?")


class MalformedRecord(InputError):
    """A record that cannot be read for sure.

    Args:
        file: Name of the file.
        record: Number of the record, 1 for the first one below the header; 0 is the header.
        line: Number of the physical line, 1 for the first one of the file.
        rule: What it breaks.
    """

    def __init__(self, what: str, next_step: str, file: str, record: int, line: int, rule: Rule) -> None:
        InputError.__init__(self, what, next_step, file, record, line, rule)
        self.file = file
        self.record = record
        self.line = line
        self.rule = rule


@dataclass(frozen=True, slots=True, eq=False)
class CsvTable:
    """The records of one file.

    Args:
        text: One text column per column of the contract; an empty cell is the empty text.
        lines: Shape (n_rows,): the physical line on which each record begins, 1-based.
    """

    text: pd.DataFrame
    lines: npt.NDArray[np.int64]


def read_csv(path: Path, columns: Sequence[str]) -> CsvTable:
    """Read one file whose header must be exactly the given columns.

    Raises:
        InputError: The file is not CSV, its header differs, or it has no records.
        MalformedRecord: A record is ragged, blank, badly quoted, too large, not UTF-8, or holds a NUL.
    """
    check_kind(path)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        records = _Records(path.name, file)
        header = next(iter(records), None)
        check_header(path, header or [], columns)
        rows: list[list[str]] = []
        lines: list[int] = []
        for row in records:
            if len(row) != len(columns):
                records.refuse("ragged_row", f"it has {len(row)} fields, the header has {len(columns)}")
            rows.append(row)
            lines.append(records.line)
    if not rows:
        raise InputError(f"Input {path.name!r} has a header and no records.", "Check the extract that wrote it.")
    return CsvTable(pd.DataFrame(rows, columns=list(columns), dtype="str"), np.array(lines, dtype=np.int64))


class _Records:
    """The records of an open file, with the number and the first line of the latest one."""

    def __init__(self, name: str, file: TextIO) -> None:
        self.line = 1
        self._name = name
        self._record = -1
        self._raw: list[str] = []
        self._reader = csv.reader(self._physical_lines(file), strict=True)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self._record += 1
        self.line = self._reader.line_num + 1
        self._raw.clear()
        try:
            with _field_limit():
                row = next(self._reader)
        except csv.Error as error:
            self._refuse_csv_error(error)
        if not row:
            self.refuse("blank_line", "the line is blank")
        if any('"' in cell for cell in row) and not _RECORD.fullmatch("".join(self._raw)):
            self.refuse("bad_quoting", "a double quote stands inside a field that is not quoted")
        return row

    def refuse(self, rule: Rule, what: str, line: int | None = None) -> NoReturn:
        """Raise the error about the latest record."""
        line = line or self.line
        place = f"record {self._record}" if self._record else "the header"
        message = f"Input {self._name!r}, {place}, line {line}: {what} ({rule})."
        raise MalformedRecord(message, _NEXT_STEP[rule], self._name, self._record, line, rule)

    def _refuse_csv_error(self, error: csv.Error) -> NoReturn:
        if "field limit" in str(error):
            self.refuse("oversize_field", f"a field has more than {MAX_FIELD_CHARACTERS:,} characters")
        read_to = f", read to line {self._reader.line_num}" if self._reader.line_num > self.line else ""
        self.refuse("bad_quoting", f"{error}{read_to}")

    def _physical_lines(self, file: TextIO) -> Iterator[str]:
        for number, line in enumerate(file, start=1):
            if not line.isascii() and _NOT_UTF8.search(line):
                self.refuse("not_utf8", "bytes that are not UTF-8", number)
            if "\0" in line:
                self.refuse("nul", "a NUL character", number)
            self._raw.append(line)
            yield line


@contextmanager
def _field_limit() -> Iterator[None]:
    """Set csv's limit, which is the whole process's, only while a record is read."""
    before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)

"""The strict reading of records, byte by byte where it must be: RFC 4180, nothing repaired, nothing guessed.

A record that breaks the grammar is refused alone: reading goes on at the next physical line. That is where the writer
of the file began the next record, unless the broken one held line ends in quotes; then each of its lines is refused.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from scoring.contract.reading.dialect import MAX_RECORD_BYTES, Dialect
from scoring.counted import counted

Fault = Literal["ragged_row", "blank_line", "bad_encoding", "nul", "bad_quoting", "oversize_record"]

_MESSAGES: Final[dict[Fault, str]] = {
    "ragged_row": "it has {found} instead of {wanted}; put fields that hold delimiters or line ends into quotes",
    "blank_line": "the line is blank; take it out",
    "bad_encoding": "it holds bytes that are not {encoding}; save the file in that encoding",
    "nul": "it holds a NUL character; take it out, the file may be damaged",
    "bad_quoting": "a quote is never closed, or stands where none may; quote the whole field, and double its quotes",
    "oversize_record": "it does not end within {limit} bytes; look for a quote that is never closed",
}


def message_of(fault: Fault, *, dialect: Dialect, found: int = 0, wanted: int | None = None) -> str:
    """Say what is wrong with a record, and what to do.

    Args:
        fault: What it breaks.
        dialect: How its file is written.
        found: Fields that it has, of a ragged one.
        wanted: Fields that it must have.
    """
    facts = {"found": counted(found, "field"), "wanted": wanted, "encoding": dialect.encoding.upper()}
    return _MESSAGES[fault].format(**facts, limit=f"{MAX_RECORD_BYTES:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record stands in the bytes that were read.

    Args:
        index: Its place among all records, from 0.
        line: Physical line on which it begins, from 0.
        start: Its first byte.
        end: The byte after its line end, or after that of its first line where it has no end of its own.
    """

    index: int
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A record that can be read, with its cells as text."""

    place: Place
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that is refused for its structure.

    Args:
        fault: What it breaks.
        message: The same in words.
    """

    place: Place
    fault: Fault
    message: str

    def shifted(self, *, index: int, line: int, offset: int) -> "Unreadable":
        """The same record, counted from bytes that begin with so many records, lines and bytes more."""
        at = self.place
        place = Place(index=at.index + index, line=at.line + line, start=at.start + offset, end=at.end + offset)
        return Unreadable(place=place, fault=self.fault, message=self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictReading:
    """All whole records of some bytes, in order.

    Args:
        end: The byte after the last of them.
        n_lines: Physical lines that they take.
        goes_on: The last one is refused, and its line is longer than the bytes: the rest of it must be skipped.
    """

    readable: tuple[Readable, ...]
    unreadable: tuple[Unreadable, ...]
    end: int
    n_lines: int
    goes_on: bool

    @property
    def n_records(self) -> int:
        """Readable and unreadable ones."""
        return len(self.readable) + len(self.unreadable)


class StrictReader:
    """Reads records of one dialect.

    Args:
        dialect: How the file is written.
        n_columns: Fields that a record must have; None for a header, which may have any number.
    """

    def __init__(self, dialect: Dialect, n_columns: int | None) -> None:
        self._dialect = dialect
        self._n_columns = n_columns
        self._delimiter = dialect.delimiter.encode()
        self._quote = (dialect.quote or "").encode()
        self._quoted, self._field = _patterns(re.escape(self._delimiter), re.escape(self._quote))

    def read(self, data: bytes | bytearray, *, is_end: bool) -> StrictReading:
        """Read all records that end in `data`.

        Args:
            data: Begins with a record.
            is_end: Whether the file ends with it; otherwise the last record may go on, and is left out.
        """
        readable: list[Readable] = []
        unreadable: list[Unreadable] = []
        start = line = 0
        goes_on = False
        while start < len(data) and not goes_on:
            found = self._record(data, start, is_end=is_end)
            if found is None:
                break
            place = Place(index=len(readable) + len(unreadable), line=line, start=start, end=found.end)
            if isinstance(found, _Cells):
                readable.append(Readable(place=place, cells=found.cells))
            else:
                unreadable.append(Unreadable(place=place, fault=found.fault, message=found.message))
                goes_on = found.goes_on
            # A record that a lone CR ends takes a line as well.
            line += max(1, data.count(b"\n", start, found.end))
            start = found.end
        return StrictReading(
            readable=tuple(readable), unreadable=tuple(unreadable), end=start, n_lines=line, goes_on=goes_on
        )

    def _record(self, data: bytes | bytearray, start: int, *, is_end: bool) -> "_Cells | _Refused | None":
        """The record that begins at `start`; None when more bytes are needed to tell."""
        # No look beyond the most that a record may have: what is found must not depend on how much was read at once.
        limit = min(len(data), start + MAX_RECORD_BYTES + 1)
        cells: list[bytes] = []
        at = start
        while True:
            match = self._field.match(data, at, limit)
            if match is None:
                is_open = self._is_open(data, at, limit)
                break
            quoted, bare, end = match.groups()
            cells.append(bare if quoted is None else quoted.replace(self._quote * 2, self._quote))
            at = match.end()
            if end == self._delimiter:
                continue
            # The next byte could be the LF of a CR LF, or belong to the last field.
            may_go_on = at >= limit and end in (b"", b"\r") and not (is_end and limit == len(data))
            is_open = may_go_on or at - start > MAX_RECORD_BYTES
            if not is_open:
                return self._judged(data[start : at - len(end)], at, cells)
            break
        if not is_open:
            return self._refused("bad_quoting", data, start, is_end=is_end)
        if limit - start > MAX_RECORD_BYTES:
            return self._refused("oversize_record", data, start, is_end=is_end)
        return self._refused("bad_quoting", data, start, is_end=True) if is_end else None

    def _is_open(self, data: bytes | bytearray, at: int, limit: int) -> bool:
        """Whether a quote is not closed before `limit`."""
        return bool(self._quote) and data.startswith(self._quote, at) and not self._quoted.match(data, at, limit)

    def _judged(self, record: bytes | bytearray, end: int, cells: list[bytes]) -> "_Cells | _Refused":
        if not record:
            return self._refusal("blank_line", end)
        if self._n_columns is not None and len(cells) != self._n_columns:
            return self._refusal("ragged_row", end, found=len(cells))
        if b"\0" in record:
            return self._refusal("nul", end)
        try:
            return _Cells(tuple(cell.decode(self._dialect.encoding) for cell in cells), end)
        except UnicodeDecodeError:
            return self._refusal("bad_encoding", end)

    def _refused(self, fault: Fault, data: bytes | bytearray, start: int, *, is_end: bool) -> "_Refused | None":
        """Refuse the record up to the end of its first line; None when that is not known yet."""
        line_end = data.find(b"\n", start)
        if line_end >= 0 or is_end:
            return self._refusal(fault, line_end + 1 or len(data))
        if len(data) - start <= MAX_RECORD_BYTES:
            return None
        return self._refusal(fault, len(data), goes_on=True)

    def _refusal(self, fault: Fault, end: int, *, found: int = 0, goes_on: bool = False) -> "_Refused":
        message = message_of(fault, dialect=self._dialect, found=found, wanted=self._n_columns)
        return _Refused(fault, message, end, goes_on)


@dataclass(frozen=True, slots=True)
class _Cells:
    cells: tuple[str, ...]
    end: int


@dataclass(frozen=True, slots=True)
class _Refused:
    fault: Fault
    message: str
    end: int
    goes_on: bool


def _patterns(delimiter: bytes, quote: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What a field in quotes looks like, and any field with what ends it: its groups are quoted, bare, end."""
    ends = rb"(%b|\r\n|\n|\r|\Z)" % delimiter
    if not quote:
        return re.compile(rb"(?!)"), re.compile(rb"(?:(?!)()|([^%b\r\n]*+))%b" % (delimiter, ends))
    quoted = rb"%b([^%b]*+(?:%b%b[^%b]*+)*+)%b" % (quote, quote, quote, quote, quote, quote)
    return re.compile(quoted), re.compile(rb"(?:%b|([^%b\r\n%b]*+))%b" % (quoted, delimiter, quote, ends))

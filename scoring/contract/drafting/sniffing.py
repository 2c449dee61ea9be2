"""What the beginning of a file shows: how it is written, and its first records, read by the reader that a run uses."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bes.errors import InputError
from scoring.contract.drafting.guesses import guess_type
from scoring.contract.reading.dialect import Dialect, Encoding
from scoring.contract.reading.preflight import check_kind
from scoring.contract.reading.strict import StrictReader, StrictReading
from scoring.contract.spelling import shown

MAX_SAMPLE_BYTES: Final = 8 * 1024 * 1024
MAX_SAMPLE_RECORDS: Final = 10_000

# Enough to tell delimiters and quotes apart; it is read several times.
_SNIFF_BYTES: Final = 256 * 1024
_DELIMITERS: Final = ",;\t|"
# Extracts hold bad records; but with the wrong delimiter, records that agree in number of fields are rare.
_MIN_SHARE: Final = 0.8
# Fewer records with a quote in a wrong place are broken ones; with more, quotes are characters like others.
_MANY_STRAY: Final = 0.05
_BOM: Final = b"\xef\xbb\xbf"
_DECIMAL_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+")
_LETTER: Final = re.compile(r"[^\W\d_]")
# Bytes that Windows' Western encoding leaves undefined.
_NOT_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The first records of a file.

    Args:
        dialect: How the file is written, as far as the sample shows it.
        columns: Names from the header; `Column1` and so on where there is none.
        records: Cells of each record that has as many as there are columns.
        n_refused: Records that have not, or that cannot be read.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    records: tuple[tuple[str, ...], ...]
    n_refused: int

    def cells(self, index: int) -> list[str]:
        """The cells of one column."""
        return [record[index] for record in self.records]


def read_sample(path: Path) -> Sample:
    """Read the first 10,000 records or 8 MiB of a file.

    Raises:
        InputError: It is no text of that kind, its header cannot be used, or no delimiter fits most of its records.
    """
    check_kind(path)
    with path.open("rb") as file:
        data = file.read(MAX_SAMPLE_BYTES)
        is_whole = not file.read(1)
    data = data.removeprefix(_BOM)
    dialect = _dialect(path, data, is_whole=is_whole)
    reading = StrictReader(dialect, None).read(data, is_end=is_whole)
    rows = [record.cells for record in reading.readable[: MAX_SAMPLE_RECORDS + 1]]
    width = len(rows[0])
    records = tuple(row for row in rows if len(row) == width)
    has_header = _has_header(records)
    columns = _checked(path, records[0]) if has_header else tuple(f"Column{index + 1}" for index in range(width))
    return Sample(
        dialect=dialect.model_copy(update={"header": has_header}),
        columns=columns,
        records=records[1:] if has_header else records,
        n_refused=len(rows) - len(records) + len(_broken(reading)),
    )


def _dialect(path: Path, data: bytes, *, is_whole: bool) -> Dialect:
    encoding = _encoding(data, is_whole=is_whole)
    head = data[:_SNIFF_BYTES]
    is_end = is_whole and len(head) == len(data)
    readings = [_Candidate.of(head, mark, encoding, is_end=is_end) for mark in _DELIMITERS]
    fitting = [candidate for candidate in readings if candidate.share > 0]
    wide = [candidate for candidate in fitting if candidate.n_columns > 1 and candidate.share >= _MIN_SHARE]
    chosen = max(wide or fitting, key=lambda candidate: candidate.rank, default=None)
    is_no_list = not wide and any(candidate.is_table or candidate.n_columns > 1 for candidate in readings)
    if chosen is None or chosen.share < _MIN_SHARE or is_no_list:
        raise InputError(
            f"Input {path.name!r}: whatever the delimiter, most records have not as many fields as the first.",
            "Look at its first lines: is there a title above the header?",
        )
    return chosen.dialect


def _encoding(data: bytes, *, is_whole: bool) -> Encoding:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A sample may end within a character.
        if is_whole or error.start < len(data) - 3:
            return "latin-1" if _NOT_CP1252.search(data) else "cp1252"
    return "utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A dialect, and how well the file fits it.

    Args:
        share: Records that have as many fields as the first one, by all; 0 if most have another number.
        is_table: Most records have the same number of fields, more than one, and it does not look like prose.
        tidiness: Cells that hold none of the other delimiters, by all.
    """

    dialect: Dialect
    n_columns: int
    share: float
    is_table: bool
    tidiness: float

    @classmethod
    def of(cls, head: bytes, delimiter: str, encoding: Encoding, *, is_end: bool) -> "_Candidate":
        quote = _quote(head, delimiter, encoding, is_end=is_end)
        dialect = Dialect(delimiter=delimiter, quote=quote, encoding=encoding)
        reading = StrictReader(dialect, None).read(head, is_end=is_end)
        n_columns = len(reading.readable[0].cells) if reading.readable else 0
        usual = _usual(reading)
        return cls(
            dialect=dialect,
            n_columns=n_columns,
            share=usual.share if usual.width == n_columns else 0.0,
            is_table=usual.width > 1 and usual.share >= _MIN_SHARE and not _is_prose(reading),
            tidiness=_tidiness(reading, delimiter),
        )

    @property
    def rank(self) -> tuple[float, float, int]:
        """Sorts the better one last; of equal ones, `max` takes the first."""
        return round(self.share, 2), round(self.tidiness, 2), self.n_columns


def _quote(head: bytes, delimiter: str, encoding: Encoding, *, is_end: bool) -> str | None:
    def read(quote: str | None) -> StrictReading:
        return StrictReader(Dialect(delimiter=delimiter, quote=quote, encoding=encoding), None).read(
            head, is_end=is_end
        )

    before = rb"(?:^|%b)" % re.escape(delimiter.encode())
    n_opening = len(re.findall(before + rb'"', head, re.MULTILINE))
    reading = read('"')
    n_stray = sum(record.fault == "bad_quoting" for record in reading.unreadable)
    are_none = 2 * n_stray > n_opening and (not n_opening or n_stray > _MANY_STRAY * reading.n_records)
    quote = None if are_none else '"'
    if n_opening or not re.search(before + b"'", head, re.MULTILINE):
        return quote
    after = rb"(?=%b|\r?$)" % re.escape(delimiter.encode())
    n_single = len(re.findall(before + rb"'[^'\r\n]*'" + after, head, re.MULTILINE))
    better = _usual(read("'")).share - _usual(read(quote)).share
    return "'" if better > 0 or (better == 0 and 2 * n_single > reading.n_records) else quote


@dataclass(frozen=True, slots=True)
class _Usual:
    """The number of fields that most records have, and the share of these among all records."""

    width: int
    share: float


def _usual(reading: StrictReading) -> _Usual:
    widths = Counter(len(record.cells) for record in reading.readable)
    width, n_usual = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    return _Usual(width, n_usual / max(1, len(reading.readable) + len(_broken(reading))))


def _tidiness(reading: StrictReading, delimiter: str) -> float:
    others = re.compile(f"[{re.escape(_DELIMITERS.replace(delimiter, ''))}]")
    cells = [cell for record in reading.readable for cell in record.cells]
    n_untidy = sum(others.search(cell) is not None and _DECIMAL_COMMA.fullmatch(cell) is None for cell in cells)
    return 1 - n_untidy / len(cells) if cells else 0.0


def _is_prose(reading: StrictReading) -> bool:
    """Whether most fields begin with a blank, as after the commas of a sentence."""
    later = [cell for record in reading.readable for cell in record.cells[1:]]
    return 2 * sum(cell.startswith(" ") for cell in later) > len(later)


def _broken(reading: StrictReading) -> list[object]:
    # Blank lines, as at the end of many files, tell nothing about the dialect.
    return [record for record in reading.unreadable if record.fault != "blank_line"]


def _has_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record holds names: a column's name is seldom of the type of the cells below it."""
    types = [guess_type(list(column[1:])) for column in zip(*records, strict=True)]
    typed = [(cell, type_) for cell, type_ in zip(records[0], types, strict=True) if type_ != "string"]
    if typed:
        return any(guess_type([cell]) != type_ for cell, type_ in typed)
    are_names = all(records[0]) and any(map(_LETTER.search, records[0]))
    return are_names and len(set(records[0])) == len(records[0])


def _checked(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    n_times = Counter(names)
    for index, name in enumerate(names):
        if not name or not name.isprintable():
            raise InputError(
                f"Input {path.name!r}: {shown(name)} is not a name that column {index + 1} can have.",
                "Give it one of printable characters.",
            )
        if n_times[name] > 1:
            raise InputError(
                f"Input {path.name!r}: column {shown(name)} is there {n_times[name]} times.", "Rename one."
            )
    return names

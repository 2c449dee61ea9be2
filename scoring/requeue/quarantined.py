"""quarantine.csv read again: the published one, and the copy in which a person has mended records."""

import csv
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bes.errors import InputError
from scoring.contract.reading.dialect import MAX_RECORD_BYTES

_DIGEST_BYTES: Final = 16


def read_lines(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a quarantine, in any order of its columns.

    Unlike an input, it is read by the standard library: it holds what the strict reader refuses, such as NUL.

    Args:
        path: UTF-8, with or without a byte order mark.
        columns: Those that are wanted.

    Returns:
        The physical line on which each ends, from 1, and its cells in the order of `columns`.

    Raises:
        InputError: It is no such file; gives the line.
    """
    # A cell may be as long as a record of an input.
    csv.field_size_limit(2 * MAX_RECORD_BYTES)
    try:
        with path.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.reader(source, strict=True)
            header = next(reader, [])
            places = [_place(path, header, column) for column in columns]
            for cells in reader:
                if cells and len(cells) != len(header):
                    raise _unreadable(path, reader.line_num, f"it has {len(cells)} cells instead of {len(header)}")
                if cells:
                    yield reader.line_num, [cells[place] for place in places]
    except UnicodeDecodeError as error:
        raise InputError(f"{str(path)!r} is not UTF-8.", "Save it as 'CSV UTF-8'.") from error
    except csv.Error as error:
        raise _unreadable(path, reader.line_num, str(error)) from error
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.", "Check the path.") from error


def number_of(path: Path, line: int, record: str) -> int:
    """The number of a record, from its cell.

    Raises:
        InputError: It is none.
    """
    if not (record.isascii() and record.isdigit()):
        raise _unreadable(path, line, f"{record!r} is not the number of a record")
    return int(record)


def digest_of(raw: str) -> bytes:
    """What tells whether a record was changed; editors that write other line ends have not changed it."""
    return blake2b(raw.replace("\r\n", "\n").encode(), digest_size=_DIGEST_BYTES).digest()


class Quarantined:
    """The records of a quarantine: which they are, and a digest of each. Takes some tens of bytes of memory for each.

    Args:
        path: The file, as it was published.
    """

    def __init__(self, path: Path) -> None:
        records: dict[str, array[int]] = defaultdict(lambda: array("q"))
        self._digests: dict[str, bytearray] = defaultdict(bytearray)
        for line, (file, record, raw) in read_lines(path, ("file", "record", "raw")):
            records[file].append(number_of(path, line, record))
            self._digests[file] += digest_of(raw)
        # Several lines tell about one record, and not always one behind the other.
        self._found = {
            file: np.unique(np.frombuffer(numbers, dtype=np.int64), return_index=True)
            for file, numbers in records.items()
        }

    @property
    def n_records(self) -> int:
        """Number of records in it."""
        return sum(len(numbers) for numbers, _ in self._found.values())

    def numbers(self, file: str) -> npt.NDArray[np.int64]:
        """Shape (n,), ascending: the numbers of a file's records in it, from 1."""
        return self._found[file][0] if file in self._found else np.empty(0, dtype=np.int64)

    def digest(self, file: str, record: int) -> bytes | None:
        """The digest of a record; None when it is not in it."""
        numbers = self.numbers(file)
        at = int(np.searchsorted(numbers, record))
        if at == len(numbers) or numbers[at] != record:
            return None
        first = int(self._found[file][1][at]) * _DIGEST_BYTES
        return bytes(self._digests[file][first : first + _DIGEST_BYTES])


def _place(path: Path, header: Sequence[str], column: str) -> int:
    if column not in header:
        raise InputError(
            f"{str(path)!r} has no column {column!r}.",
            "Begin with the run's quarantine.csv, and save it with commas as 'CSV UTF-8'.",
        )
    return header.index(column)


def _unreadable(path: Path, line: int, why: str) -> InputError:
    return InputError(f"{str(path)!r}, line {line}: {why}.", "Mend that line, or begin with the run's quarantine.csv.")

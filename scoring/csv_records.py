"""Records of CSV files that were checked before or were written here, one at a time, however long their cells are."""

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.contract.csvfile import MAX_FIELD_CHARACTERS


class _FieldLimit:
    """csv's own limit is 128 KiB a cell, less than the input may have. It is the whole process's, so it is put back
    when the last of several threads has read its file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                csv.field_size_limit(self._before)


_FIELD_LIMIT = _FieldLimit()


@contextmanager
def csv_records(path: Path) -> Iterator[Iterator[list[str]]]:
    """The records of a file, its header first; with or without BOM."""
    with _FIELD_LIMIT, path.open(newline="", encoding="utf-8-sig") as source:
        yield csv.reader(source, strict=True)


def column_of(path: Path, name: str | None = None) -> Iterator[str]:
    """The cells of one column below the header.

    Args:
        path: The file.
        name: Which column; the first one by default.
    """
    with csv_records(path) as records:
        header = next(records, [])
        index = header.index(name) if name is not None else 0
        for record in records:
            # A blank line is a row of one empty cell.
            yield record[index] if index < len(record) else ""

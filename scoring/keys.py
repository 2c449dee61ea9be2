"""The books by key: the keys of the input are those of the scored and the quarantined rows, each as often."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from bes.errors import InputError, IntegrityError
from bes.files import sha256_of
from scoring.csv_records import column_of, csv_records
from scoring.manifest import InputFile

_NAMED = 5
"""Keys that an error names; the rest is counted."""


def balance_keys(inputs: Iterable[InputFile], *, predictions: Path, quarantine: Path) -> int:
    """Compare the keys of the input with those of the results, in both directions.

    Args:
        inputs: The files as they were planned.
        predictions: Scored rows; the first column is the key.
        quarantine: Rows that are not scored.

    Returns:
        Number of rows in the input.

    Raises:
        InputError: A file has changed since it was planned.
        IntegrityError: A key is missing, or there too often; names them.
    """
    files = list(inputs)
    for file in files:
        _require_unchanged(file)
    with csv_records(predictions) as records:
        key = next(records)[0]
    before = _Tally(_input_keys(files, key))
    after = _Tally(_result_keys(files, key, predictions, quarantine))
    if before != after:
        _name_differences(_input_keys(files, key), _result_keys(files, key, predictions, quarantine))
    return before.n_keys


class _Tally:
    """A multiset of keys in the space of two numbers: how many, and the sum of their hashes."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.n_keys = 0
        self._sum = 0
        for key in keys:
            self.n_keys += 1
            self._sum += hash(key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tally) and (self.n_keys, self._sum) == (other.n_keys, other._sum)

    __hash__ = None  # type: ignore[assignment]


def _input_keys(files: Iterable[InputFile], key: str) -> Iterator[str]:
    return chain.from_iterable(column_of(Path(file.path), key) for file in files)


def _result_keys(files: list[InputFile], key: str, predictions: Path, quarantine: Path) -> Iterator[str]:
    with csv_records(Path(files[0].path)) as records:
        index = next(records).index(key)
    return chain(column_of(predictions), _quarantined_keys(quarantine, index))


def _quarantined_keys(quarantine: Path, index: int) -> Iterator[str]:
    with csv_records(quarantine) as records:
        header = next(records)
        file, record, raw = header.index("file"), header.index("record"), header.index("raw")
        before: tuple[str, ...] = ()
        for line in records:
            # One line for each rule that a row breaks, one below the other.
            row = (line[file], line[record], line[raw])
            if row != before:
                cells = next(csv.reader(io.StringIO(line[raw], newline=""), strict=True), [])
                yield cells[index] if index < len(cells) else ""
            before = row


def _require_unchanged(file: InputFile) -> None:
    path = Path(file.path)
    if not path.is_file() or sha256_of(path) != file.sha256:
        raise InputError(
            f"The input file {file.path!r} is not the one that this run has checked.",
            "Nothing was published. Put the file back, or run again on the file as it is now.",
        )


def _name_differences(before: Iterable[str], after: Iterable[str]) -> None:
    there, came = Counter(before), Counter(after)
    missing, extra = there - came, came - there
    parts = [_named("missing from the results", missing), _named("there too often", extra)]
    raise IntegrityError(
        f"The books do not balance by key: {'; '.join(part for part in parts if part)}.",
        "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
    )


def _named(what: str, keys: Counter[str]) -> str:
    if not keys:
        return ""
    names = ", ".join(repr(key) for key in sorted(keys)[:_NAMED])
    return f"{keys.total()} rows are {what} ({names}{' and others' if len(keys) > _NAMED else ''})"

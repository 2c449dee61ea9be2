"""The books row by row: what becomes of each record of the input, and which row each prediction belongs to.

By place, the records of the quarantine and those that are scored are all records of the input. By key, the predictions
are those of the accepted rows without those that the web service refuses, read again from the input, with the columns
that come from it as well. And the input has not changed since it was planned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from bes.errors import InputError, IntegrityError
from bes.files import sha256_of
from scoring.contract.model import known_by
from scoring.contract.reading.accepted import AcceptedFile
from scoring.counted import be, counted
from scoring.csv_text import leading_columns
from scoring.manifest import InputFile
from scoring.places import Places
from scoring.shards import Shard, place_of
from scoring.side_by_side import side_by_side

_NAMED: Final = 5
"""Keys that an error names; the rest is counted."""

_THREADS: Final = 2
"""Arrow works outside Python's lock, so two read nearly twice as fast; no job runs by now that would need a core."""

_NEXT_STEP: Final = "Nothing was published. Run again; if it happens again, ask the owner of the web service."


def balance_keys(  # noqa: PLR0913 (a row has that many sides)
    inputs: Iterable[InputFile],
    accepted: Sequence[AcceptedFile],
    scored: Iterable[Shard],
    *,
    key: str | None,
    passthrough: Sequence[str] = (),
    shows_keys: bool,
    predictions: Path,
    quarantine: Path,
    refused: Iterable[Shard] = (),
) -> int:
    """Compare the records of the input with the results, in both directions.

    Args:
        inputs: The files as they were planned.
        accepted: The same files, and which of their records are scored.
        scored: The shards that the predictions were made of, in order.
        key: The column that a row is known by; None where it is known by its place.
        passthrough: Columns of the input that stand behind it in the predictions.
        shows_keys: Whether an error may name keys, or has to count them.
        predictions: Scored rows in the order of the input; first comes what a row is known by.
        quarantine: Records that are not scored; first come file and record.
        refused: Shards of a single row each that the web service does not score.

    Returns:
        Number of records in the input.

    Raises:
        InputError: A file has changed since it was planned.
        IntegrityError: A record or a key is missing, or there too often; names them.
    """
    alone = list(refused)
    _require_all_cut(accepted, sorted([*scored, *alone], key=lambda shard: shard.first_row))
    accepted = [_without(file, alone) for file in accepted]
    places = Places(accepted, quarantine)
    written = leading_columns(predictions, (*known_by(key), *passthrough))
    with _unchanged(inputs):
        are_same = _are_same(_kept(accepted, key, passthrough, places), written)
    if not are_same:
        raise _difference(accepted, key, passthrough, predictions, shows_keys=shows_keys)
    places.require_balance()
    return places.n_records


@contextmanager
def _unchanged(inputs: Iterable[InputFile]) -> Iterator[None]:
    """Find out, while the files are read inside, whether they are those that were planned."""
    with ThreadPoolExecutor(1) as thread:
        hashing = thread.submit(_require_unchanged, list(inputs))
        try:
            yield
        except Exception:
            # It tells what is wrong with a file better than whatever was made of its rows.
            hashing.result()
            raise
        hashing.result()


def _require_unchanged(inputs: Iterable[InputFile]) -> None:
    for file in inputs:
        path = Path(file.path)
        if not path.is_file() or sha256_of(path) != file.sha256:
            raise InputError(
                f"The input file {file.path!r} is not the one that this run has checked.",
                "Nothing was published. Put the file back, or run again on the file as it is now.",
            )


def _require_all_cut(accepted: Sequence[AcceptedFile], scored: Iterable[Shard]) -> None:
    n_cut = {file.file.name: 0 for file in accepted}
    for shard in scored:
        if shard.offset != n_cut[shard.file]:
            raise IntegrityError(f"{shard.label} does not begin where the one before it ends.", _NEXT_STEP)
        n_cut[shard.file] += shard.n_rows
    for file in accepted:
        if n_cut[file.file.name] != file.n_rows:
            what = f"The shards of {file.file.name!r} hold {n_cut[file.file.name]} of its {file.n_rows} accepted rows."
            raise IntegrityError(what, _NEXT_STEP)


def _without(file: AcceptedFile, refused: Sequence[Shard]) -> AcceptedFile:
    records = [shard.first_record for shard in refused if shard.file == file.file.name]
    return replace(file, rejected=np.union1d(file.rejected, np.array(records, dtype=np.int64)))


def _kept(
    accepted: Sequence[AcceptedFile], key: str | None, passthrough: Sequence[str], places: Places | None
) -> Iterator[pa.RecordBatch]:
    """What the predictions have of the accepted rows, read again; `places` hears of each of them."""
    from_file = [*([] if key is None else [key]), *passthrough]
    for file in accepted:
        if not file.n_rows:
            continue
        for rows in file.rows(0, file.n_rows, from_file, n_threads=_THREADS):
            if places is not None:
                places.add_scored(file.file.name, rows.record)
            known = place_of(rows, file.file.name) if key is None else []
            yield pa.RecordBatch.from_arrays([*known, *rows.text.columns], names=[*known_by(key), *passthrough])


def _are_same(before: Iterator[pa.RecordBatch], after: Iterator[pa.RecordBatch]) -> bool:
    return all(
        there.num_rows == came.num_rows
        and all(one.equals(other) for one, other in zip(there.columns, came.columns, strict=True))
        for there, came in side_by_side(before, after)
    )


def _difference(
    accepted: Sequence[AcceptedFile],
    key: str | None,
    passthrough: Sequence[str],
    predictions: Path,
    *,
    shows_keys: bool,
) -> IntegrityError:
    there = _counted(_kept(accepted, key, (), None))
    came = _counted(leading_columns(predictions, known_by(key)))
    parts = [
        _named("missing from the predictions", there - came, shows_keys=shows_keys),
        _named("in the predictions too often", came - there, shows_keys=shows_keys),
    ]
    said = "; ".join(part for part in parts if part) or _first_difference(accepted, key, passthrough, predictions)
    return IntegrityError(f"The books do not balance by key: {said}.", _NEXT_STEP)


def _first_difference(
    accepted: Sequence[AcceptedFile], key: str | None, passthrough: Sequence[str], predictions: Path
) -> str:
    """Where rows that are all there differ from the input. No cell is told: it may be of a sensitive column."""
    names = (*known_by(key), *passthrough)
    before, after = _kept(accepted, key, passthrough, None), leading_columns(predictions, names)
    first_row = 1
    for there, came in side_by_side(before, after):
        for name, one, other in zip(names, there.columns, came.columns, strict=True):
            differs = [cell != written for cell, written in zip(one.to_pylist(), other.to_pylist(), strict=True)]
            if any(differs):
                row = first_row + differs.index(True)
                if name in known_by(key):
                    return f"from row {row:,} on they are in another order than the rows of the input"
                return f"row {row:,} of the predictions has another {name!r} than the input has there"
        first_row += there.num_rows
    raise RuntimeError("they were different, and are the same now")


def _counted(batches: Iterator[pa.RecordBatch]) -> Counter[str]:
    return Counter(
        " ".join(cell or "" for cell in cells)
        for batch in batches
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )


def _named(what: str, keys: Counter[str], *, shows_keys: bool) -> str:
    if not keys:
        return ""
    told = f"{counted(keys.total(), 'row')} {be(keys.total())} {what}"
    if not shows_keys:
        return told
    names = ", ".join(repr(key) for key in sorted(keys)[:_NAMED])
    return f"{told} ({names}{' and others' if len(keys) > _NAMED else ''})"

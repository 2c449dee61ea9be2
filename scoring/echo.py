"""Proof by echo: where the service passes a column through, each row must come back in its place.

A model may also change a column that it passes through, such as fill in what is missing, or scale it. So only what no
such change explains is an error: the values that were sent in another order, and values of other rows throughout.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bes.errors import IntegrityError
from scoring.counted import counted
from scoring.csv_records import CsvFile
from scoring.shards import Shard
from scoring.side_by_side import side_by_side

_NAMED = 5
"""Records that an error names; the rest is counted."""


@dataclass(frozen=True, slots=True)
class _Differing:
    """A row of which a cell came back as another one."""

    row: int
    sent: str
    came: str


def check_echo(shard: Shard, output: CsvFile) -> None:
    """Compare each column that was sent and came back.

    Args:
        shard: What was sent.
        output: What came back, as many rows.

    Raises:
        IntegrityError: Rows came back in another order, or twice; names their records.
    """
    for column, differing in _differing(shard, output).items():
        if not differing:
            continue
        if _are_moved(differing):
            _refuse(shard, column, "came back in another place than they were sent in", differing)
        if _are_others(shard, column, differing):
            _refuse(shard, column, "came back with the values of another row", differing)


def _differing(shard: Shard, output: CsvFile) -> dict[str, list[_Differing]]:
    """For each column that was sent and came back the rows that differ."""
    differing: dict[str, list[_Differing]] = {name: [] for name in shard.sent if output.header.count(name) == 1}
    if not differing:
        return {}
    n_rows = 0
    for sent, came in side_by_side(shard.sent_rows(), output.batches()):
        for name in differing:
            differing[name] += _compare(sent.column(name), came.column(output.header.index(name)), n_rows)
        n_rows += sent.num_rows
    return differing


def _compare(sent: pa.Array, came: pa.Array, n_before: int) -> Iterator[_Differing]:
    there, back = sent.fill_null(""), came.fill_null("")
    rows = np.flatnonzero(pc.not_equal(there, back))
    pairs = zip(there.take(pa.array(rows)).to_pylist(), back.take(pa.array(rows)).to_pylist(), strict=True)
    for row, (one, other) in zip(rows.tolist(), pairs, strict=True):
        spelled, anew = _normal(one), _normal(other)
        if spelled != anew:
            yield _Differing(n_before + row, spelled, anew)


def _normal(cell: str) -> str:
    # Numbers come back in the service's own spelling.
    return repr(float(cell)) if _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _are_moved(differing: list[_Differing]) -> bool:
    """Whether what came is what was sent in another order."""
    return Counter(one.sent for one in differing) == Counter(one.came for one in differing)


def _are_others(shard: Shard, column: str, differing: list[_Differing]) -> bool:
    """Whether these are texts, no two rows were sent alike, and each of these came back with the text of another."""
    # Missing cells are filled in and numbers are clipped, both perhaps to what other rows hold.
    if not all(one.sent and not _is_number(one.sent) for one in differing):
        return False
    sent = [_normal(cell or "") for batch in shard.sent_rows() for cell in batch.column(column).to_pylist()]
    known = set(sent)
    return len(known) == len(sent) and all(one.came in known for one in differing)


def _refuse(shard: Shard, column: str, what: str, differing: list[_Differing]) -> None:
    records = [str(shard.source.record_of(shard.offset + one.row)) for one in differing[:_NAMED]]
    named = ", ".join(records) + (" and others" if len(differing) > _NAMED else "")
    raise IntegrityError(
        f"{counted(len(differing), 'row')} of {shard.label} {what}, as column {column!r} shows:"
        f" the {'record' if len(differing) == 1 else 'records'} {named} of its file.",
        "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
    )

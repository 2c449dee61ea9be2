"""Proof by echo: where the service passes a column through, each row must come back in its place.

A model may also change a column that it passes through, such as fill in what is missing, or scale it. So only what no
such change explains is an error: the values that were sent in another order, and values of other rows throughout.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bes.errors import IntegrityError
from scoring.csv_records import column_of, csv_records
from scoring.shards import Shard

_NAMED = 5
"""Keys that an error names; the rest is counted."""


def check_echo(shard: Shard, output: Path) -> None:
    """Compare each column that was sent and came back.

    Raises:
        IntegrityError: Rows came back in another order, or twice; names their keys.
    """
    for column in _passed_through(shard.sent_path, output):
        sent, came = _values(shard.sent_path, column), _values(output, column)
        if sent == came:
            continue
        moved = _moved(sent, came)
        if moved:
            _refuse(shard, column, "came back in another place than they were sent in", moved)
        doubled = _doubled(sent, came)
        if doubled:
            _refuse(shard, column, "came back with the values of another row", doubled)


def _passed_through(sent: Path, output: Path) -> list[str]:
    with csv_records(sent) as there, csv_records(output) as back:
        names = next(there, [])
        came = next(back, [])
    return [name for name in names if came.count(name) == 1]


def _values(path: Path, column: str) -> list[str]:
    return [_normal(cell) for cell in column_of(path, column)]


def _normal(cell: str) -> str:
    # Numbers come back in the service's own spelling.
    return repr(float(cell)) if _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _moved(sent: list[str], came: list[str]) -> list[int]:
    """The rows that differ, if what came is what was sent in another order."""
    differing = _differing(sent, came)
    is_permuted = Counter(sent[row] for row in differing) == Counter(came[row] for row in differing)
    return differing if is_permuted else []


def _doubled(sent: list[str], came: list[str]) -> list[int]:
    """The rows that differ, if these are texts, no two rows were sent alike, and each of these has that of another."""
    known = set(sent)
    differing = _differing(sent, came)
    is_text = all(sent[row] and not _is_number(sent[row]) for row in differing)
    is_others = all(came[row] in known for row in differing)
    # Missing cells are filled in and numbers are clipped, both perhaps to what other rows hold.
    return differing if is_text and is_others and len(known) == len(sent) else []


def _differing(sent: list[str], came: list[str]) -> list[int]:
    return [row for row, (one, other) in enumerate(zip(sent, came, strict=True)) if one != other]


def _refuse(shard: Shard, column: str, what: str, rows: list[int]) -> None:
    keys = _keys(shard, rows[:_NAMED])
    named = ", ".join(repr(key) for key in keys) + (" and others" if len(rows) > _NAMED else "")
    raise IntegrityError(
        f"{len(rows)} rows of {shard.label} {what}, as column {column!r} shows: those with the keys {named}.",
        "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
    )


def _keys(shard: Shard, rows: list[int]) -> Iterator[str]:
    wanted = set(rows)
    for row, key in enumerate(column_of(shard.kept_path)):
        if row in wanted:
            yield key

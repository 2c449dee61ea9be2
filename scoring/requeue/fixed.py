"""What a person has changed in a copy of the quarantine."""

from pathlib import Path
from typing import Final, get_args

from bes.errors import InputError
from scoring.contract.reading.strict import Fault
from scoring.requeue.mended import MendedRow
from scoring.requeue.quarantined import Quarantined, digest_of, number_of, read_lines

_ILLEGIBLE: Final = frozenset(get_args(Fault))
"""Of records that break such a rule, the quarantine shows what can be shown: that is not the record itself."""


def read_changes(fixed: Path, quarantined: Quarantined, *, published: str, also_unchanged: bool) -> list[MendedRow]:
    """The rows to requeue: those whose record is not what it was.

    Args:
        fixed: The quarantine or a part of it, with some of its records mended.
        quarantined: The published one.
        published: The version that it belongs to, for messages.
        also_unchanged: Requeue records that were not changed as well: something else was.

    Raises:
        InputError: A record is not in the quarantine, or was changed in two ways, or emptied; or none was changed.
    """
    changed: dict[tuple[str, int], str] = {}
    same: dict[tuple[str, int], str] = {}
    columns = ("file", "record", "raw", *(("rule",) if also_unchanged else ()))
    for line, (file, number, raw, *rule) in read_lines(fixed, columns):
        record = number_of(fixed, line, number)
        before = quarantined.digest(file, record)
        where = f"{file!r}, record {record} ({fixed.name}, line {line})"
        if before is None:
            raise InputError(
                f"{where} is not in the quarantine of {published!r}.",
                "It was scored, or never quarantined. Take its lines out, or begin with the quarantine as it is now.",
            )
        if before == digest_of(raw):
            if also_unchanged and not _ILLEGIBLE.intersection(rule):
                same[file, record] = raw
        elif not raw.strip():
            raise InputError(f"{where} was emptied.", "Put the record back, or take its lines out.")
        elif changed.setdefault((file, record), raw) != raw:
            raise InputError(
                f"{where} was changed in two ways.", "Change `raw` in one line of a record, or alike in all of them."
            )
    if not changed and not same:
        raise InputError(
            f"No row of {str(fixed)!r} was changed: all are as the quarantine of {published!r} has them.",
            "Mend the column `raw`, save the file, and requeue again.",
        )
    rows = {**same, **changed}
    return [MendedRow(file=file, record=record, raw=raw.rstrip("\r\n")) for (file, record), raw in rows.items()]

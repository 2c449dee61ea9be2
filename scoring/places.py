"""The books by place: each record of the input is scored or quarantined, and none of them twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bes.errors import IntegrityError
from scoring.contract.model import PLACE
from scoring.contract.reading.accepted import AcceptedFile
from scoring.counted import be, counted
from scoring.csv_text import leading_columns

_NAMED: Final = 5
"""Records that an error names; the rest is counted."""

# What is known of a record. They are added up, so that any other sum is wrong.
_QUARANTINED: Final = 1
_SCORED: Final = 2

_WRONG: Final = {
    "neither scored nor quarantined": range(1),
    "both scored and quarantined": range(_QUARANTINED + _SCORED, _QUARANTINED + _SCORED + 1),
    "scored more than once": range(2 * _SCORED, 256),
}


class Places:
    """What became of each record of the input. Takes a byte of memory for each.

    Args:
        accepted: The files.
        quarantine: Records that are not scored, each on one line or on several, which begin with file and record.

    Raises:
        IntegrityError: The quarantine is not as it was written, or holds a record that the input does not have.
    """

    def __init__(self, accepted: Sequence[AcceptedFile], quarantine: Path) -> None:
        self._marks = {file.file.name: np.zeros(file.file.n_records, dtype=np.uint8) for file in accepted}
        for batch in leading_columns(quarantine, PLACE):
            file, record = batch.columns
            for name in pc.unique(file).to_pylist():
                self._add_quarantined(name, record.filter(pc.equal(file, name)))

    @property
    def n_records(self) -> int:
        """Number of records in the input."""
        return sum(len(marks) for marks in self._marks.values())

    def add_scored(self, file: str, records: npt.NDArray[np.int64]) -> None:
        """Take down that records are scored.

        Args:
            file: Name of their file.
            records: Their numbers in it, from 1.
        """
        # Unlike +=, this counts a record each time that it is there.
        np.add.at(self._marks[file], records - 1, _SCORED)

    def require_balance(self) -> None:
        """Refuse to go on when what became of a record is not one thing.

        Raises:
            IntegrityError: Says of how many records, and names some.
        """
        parts = [part for what, sums in _WRONG.items() if (part := self._named(what, sums))]
        if parts:
            raise _unbalanced("; ".join(parts))

    def _add_quarantined(self, file: str, numbers: pa.Array) -> None:
        marks = self._marks.get(file, np.zeros(0, dtype=np.uint8))
        records = pc.cast(numbers, pa.int64()).to_numpy()
        unknown = records[(records < 1) | (records > len(marks))]
        if len(unknown):
            raise _unbalanced(f"{file!r} has no record {unknown[0]}, which is quarantined")
        marks[records - 1] = _QUARANTINED

    def _named(self, what: str, sums: range) -> str:
        count = 0
        names: list[str] = []
        for file, marks in self._marks.items():
            records = np.flatnonzero((marks >= sums.start) & (marks < sums.stop)) + 1
            names += [f"{file} {record}" for record in records[: _NAMED - len(names)]]
            count += len(records)
        if not count:
            return ""
        named = f"{', '.join(names)}{' and others' if count > _NAMED else ''}"
        return f"{counted(count, 'record')} {be(count)} {what} ({named})"


def _unbalanced(why: str) -> IntegrityError:
    return IntegrityError(
        f"The books do not balance by place: {why}.",
        "Nothing was published. Keep others out of the run's folder, and run again.",
    )

"""Rows whose key stands more than once in the input, known only when all of it is read.

The profile tells which rows have the same hash of the key as another one. Their chunks are read again, and the keys
themselves compared: two that merely hash alike are told apart, and the rows of the others go to the quarantine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.accepted import CheckedFile
from scoring.contract.reading.blocks import Block
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.profile import MAX_EXAMPLES, Example, Profile
from scoring.contract.rules.rules import Rule

_Numbers = npt.NDArray[np.int64]

_N_PARTS: Final = 16


def find_duplicates(
    files: Sequence[CheckedFile], rules: Sequence[Rule], profile: Profile, quarantine: Quarantine
) -> list[_Numbers]:
    """Tell the profile and the quarantine about rows that break a rule of uniqueness.

    Returns:
        For each file, ascending: the numbers of the records that break a critical one.
    """
    rejected: list[list[_Numbers]] = [[] for _ in files]
    for rule in rules:
        if rule.is_unique:
            search = _Search(files, rule, profile, quarantine)
            for numbers, more in zip(rejected, search.run(), strict=True):
                numbers.append(more)
    return [np.unique(np.concatenate([np.empty(0, dtype=np.int64), *numbers])) for numbers in rejected]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """Rows of a chunk: which of the readable ones, and their place among all that are asked for."""

    file: int
    chunk: int
    block: Block
    rows: _Numbers
    asked: slice


class _Search:
    def __init__(self, files: Sequence[CheckedFile], rule: Rule, profile: Profile, quarantine: Quarantine) -> None:
        self._files = files
        self._rule = rule
        self._profile = profile
        self._quarantine = quarantine

    def run(self) -> list[_Numbers]:
        ordinals = self._verified()
        rejected: list[list[_Numbers]] = [[] for _ in self._files]
        examples: list[Example] = []
        for found in self._found(ordinals):
            if len(examples) < MAX_EXAMPLES:
                examples.extend(self._examples(found, MAX_EXAMPLES - len(examples)))
            if self._rule.severity == "critical":
                self._write(found)
                first_record = self._files[found.file].chunks.first_record[found.chunk]
                rejected[found.file].append(first_record + found.block.index[found.rows])
        self._profile.add_duplicates(self._rule, len(ordinals), examples)
        return [np.concatenate([np.empty(0, dtype=np.int64), *numbers]) for numbers in rejected]

    def _verified(self) -> _Numbers:
        """Places among all readable rows of those whose key is really there more than once; ascending."""
        candidates = self._profile.duplicates(self._rule)
        if candidates.is_exact or not len(candidates.ordinals):
            return candidates.ordinals
        digests = np.empty(len(candidates.ordinals), dtype=np.uint64)
        for found in self._found(candidates.ordinals):
            digests[found.asked] = self._digests(found)
        return candidates.ordinals[_stand_again(candidates.group.view(np.uint64), digests)]

    def _digests(self, found: _Found) -> npt.NDArray[np.uint64]:
        cells = Cells(found.block.text.take(found.rows), self._profile.columns)
        keys = zip(*(_comparable(cells.typed(column)) for column in self._rule.columns), strict=True)
        # With the hash that they share already, 128 bits tell them apart.
        together = b"".join(blake2b(repr(key).encode(), digest_size=8).digest() for key in keys)
        return np.frombuffer(together, dtype=np.uint64)

    def _found(self, ordinals: _Numbers) -> Iterator[_Found]:
        """The chunks in which rows stand, read again.

        Args:
            ordinals: Ascending: places among all readable rows of all files.
        """
        before = 0
        for number, file in enumerate(self._files):
            ends = before + np.cumsum(file.chunks.n_readable)
            starts = ends - file.chunks.n_readable
            first, last = np.searchsorted(ordinals, starts), np.searchsorted(ordinals, ends)
            for chunk, block in file.reread(np.flatnonzero(last > first).tolist()):
                asked = slice(int(first[chunk]), int(last[chunk]))
                yield _Found(file=number, chunk=chunk, block=block, rows=ordinals[asked] - starts[chunk], asked=asked)
            before = int(ends[-1]) if len(ends) else before

    def _examples(self, found: _Found, n_wanted: int) -> Iterator[Example]:
        file = self._files[found.file]
        places = found.block.places()
        for row in found.rows[:n_wanted]:
            yield Example(
                values=tuple(found.block.text.column(column)[int(row)].as_py() for column in self._rule.columns),
                file=file.name,
                record=int(file.chunks.first_record[found.chunk] + places.index[row]),
                line=int(file.chunks.first_line[found.chunk] + places.line[row]),
            )

    def _write(self, found: _Found) -> None:
        file = self._files[found.file]
        # Without its unreadable records, which were written when it was read first.
        self._quarantine.add(
            found.block.without_unreadable(),
            [(self._rule, found.rows)],
            file=file.name,
            first_record=int(file.chunks.first_record[found.chunk]),
            first_line=int(file.chunks.first_line[found.chunk]),
            encoding=file.dialect.encoding,
        )


def _stand_again(group: npt.NDArray[np.uint64], digest: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which of some keys stand more than once; a part of the groups at a time, since sorting takes much memory."""
    stand_again = np.zeros(len(group), dtype=bool)
    for part in range(_N_PARTS):
        rows = np.flatnonzero(group % _N_PARTS == part)
        order = rows[np.lexsort((digest[rows], group[rows]))]
        is_same = (group[order][1:] == group[order][:-1]) & (digest[order][1:] == digest[order][:-1])
        stand_again[order[1:][is_same]] = True
        stand_again[order[:-1][is_same]] = True
    return stand_again


def _comparable(values: pa.Array) -> list[object]:
    """The values, such that equal ones are written alike: 0.0 and -0.0 are equal."""
    cells: list[object] = (pc.add(values, 0.0) if pa.types.is_floating(values.type) else values).to_pylist()
    return cells

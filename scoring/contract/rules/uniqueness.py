"""Which of all rows of the input have a key that occurs more than once, exactly and in bounded memory.

Up to a million keys stay in memory. Beyond that they go to files, parted by key, so that equal keys meet in one part;
the parts are searched one after the other. The rows that are found are parted by their place and so brought in order.
What must fit into memory at a time is a sixty-fourth of the distinct keys, however often each of them occurs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from scoring.contract.rules.row_keys import Keys
from scoring.contract.rules.spill import N_PARTS, PAIR, Pairs, PartedPairs, pairs_of

Ordinals = npt.NDArray[np.int64]

# 16 bytes each.
MAX_PAIRS_IN_MEMORY: Final = 1_000_000

# Multiplied by it, keys that differ in any bits differ in the top ones, which choose the part.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_PART_SHIFT: Final = np.uint64(64 - (N_PARTS - 1).bit_length())

# Reads all pairs of a part, some at a time, as often as it is called.
_Part = Callable[[], Iterable[Pairs]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Duplicates:
    """Rows whose key is that of another row, too.

    Args:
        ordinals: Shape (n,), int64: their places among all readable rows of all files, 0-based and ascending. Where
            there are very many, the arrays are maps of files that stay as long as the folder of the spill does.
        group: Shape (n,), int64: the same number for the same key.
        is_exact: Whether rows of one group are surely equal; otherwise keys are hashes, and rows must be compared.
        n_distinct: Number of distinct keys of all rows.
    """

    ordinals: Ordinals
    group: npt.NDArray[np.int64]
    is_exact: bool
    n_distinct: int


class KeySpill:
    """Takes up the keys of all rows, and tells at the end which occur more than once.

    Args:
        folder: For its files, of which there are none up to MAX_PAIRS_IN_MEMORY keys; made when they are needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[Pairs] = []
        self._n_held = 0
        self._n_rows = 0
        self._parted: PartedPairs | None = None

    def add(self, keys: Keys, ordinals: Ordinals) -> None:
        """Take up the keys of some rows, in the order of the input.

        Args:
            keys: Shape (n,).
            ordinals: Shape (n,): the rows' places among all rows.
        """
        if not keys.size:
            return
        self._held.append(pairs_of(keys, ordinals))
        self._n_held += keys.size
        self._n_rows = int(ordinals[-1]) + 1
        if self._n_held > MAX_PAIRS_IN_MEMORY:
            self._write()

    def _write(self) -> None:
        if self._parted is None:
            self._parted = PartedPairs(self._folder / "keys")
        pairs = self._take_held()
        part = (pairs["key"] * _SPREAD) >> _PART_SHIFT
        self._parted.write(pairs, part.astype(np.uint8))

    def _take_held(self) -> Pairs:
        pairs = np.concatenate([np.empty(0, PAIR), *self._held])
        self._held, self._n_held = [], 0
        return pairs

    def finish(self, *, is_exact: bool) -> Duplicates:
        """Return the rows whose keys occur more than once; nothing can be added after that.

        Args:
            is_exact: Whether equal keys mean equal values.
        """
        found = _Found(self._folder, self._n_rows)
        n_distinct = 0
        for part in self._parts():
            repeated, n_keys = _repeated_keys(part())
            n_distinct += n_keys
            for pairs in part() if repeated.size else ():
                found.add(pairs[_are_among(pairs["key"], repeated)])
        if self._parted is not None:
            self._parted.remove()
        ordinals, keys = found.in_order()
        return Duplicates(ordinals=ordinals, group=keys.view(np.int64), is_exact=is_exact, n_distinct=n_distinct)

    def _parts(self) -> Iterator[_Part]:
        if self._parted is None:
            held = self._take_held()
            yield lambda: (held,)
            return
        self._write()
        for part in range(N_PARTS):
            yield _reader(self._parted, part)


def _reader(parted: PartedPairs, part: int) -> _Part:
    return lambda: parted.read(part)


def _repeated_keys(part: Iterable[Pairs]) -> tuple[Keys, int]:
    """Those that occur more than once, ascending, and the number of all distinct ones."""
    known = repeated = np.empty(0, np.uint64)
    for pairs in part:
        keys, counts = np.unique(pairs["key"], return_counts=True)
        again = keys[(counts > 1) | _are_among(keys, known)]
        repeated = np.union1d(repeated, again)
        known = np.union1d(known, keys) if known.size else keys
    return repeated, int(known.size)


def _are_among(keys: Keys, ascending: Keys) -> npt.NDArray[np.bool_]:
    if not ascending.size:
        return np.zeros(keys.size, bool)
    places = np.minimum(np.searchsorted(ascending, keys), ascending.size - 1)
    return np.equal(ascending[places], keys)


class _Found:
    """Rows that are found by key, to be given back by place."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self._folder = folder
        self._rows_a_part = n_rows // N_PARTS + 1
        self._held: list[Pairs] = [np.empty(0, PAIR)]
        self._parted: PartedPairs | None = None

    def add(self, pairs: Pairs) -> None:
        self._held.append(pairs)
        if sum(one.size for one in self._held) > MAX_PAIRS_IN_MEMORY:
            self._write()

    def _write(self) -> None:
        if self._parted is None:
            self._parted = PartedPairs(self._folder / "found")
        pairs = np.concatenate(self._held)
        self._held = [np.empty(0, PAIR)]
        part = pairs["ordinal"] // self._rows_a_part
        self._parted.write(pairs, part.astype(np.uint8))

    def in_order(self) -> tuple[Ordinals, Keys]:
        """Ordinals, ascending, and the key of each."""
        if self._parted is None:
            return _by_ordinal(np.concatenate(self._held))
        self._write()
        ordinals, keys = self._folder / "ordinals", self._folder / "found_keys"
        with ordinals.open("wb") as ordinals_file, keys.open("wb") as keys_file:
            for part in range(N_PARTS):
                in_order = _by_ordinal(np.concatenate([np.empty(0, PAIR), *self._parted.read(part)]))
                for values, file in zip(in_order, (ordinals_file, keys_file), strict=True):
                    values.tofile(file)
        self._parted.remove()
        return np.memmap(ordinals, np.int64, "r"), np.memmap(keys, np.uint64, "r")


def _by_ordinal(pairs: Pairs) -> tuple[Ordinals, Keys]:
    order = np.argsort(pairs["ordinal"], kind="stable")
    return pairs["ordinal"][order], pairs["key"][order]

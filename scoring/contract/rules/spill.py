"""Keys with the places of their rows, in files of which each holds a part of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

# A row: its key, and its place among all readable rows of all files, 0-based.
PAIR: Final = np.dtype([("key", "<u8"), ("ordinal", "<i8")])
Pairs = npt.NDArray[np.void]

N_PARTS: Final = 64
# 32 MiB at a time.
_PAIRS_AT_A_TIME: Final = 2 * 1024 * 1024


def pairs_of(keys: npt.NDArray[np.uint64], ordinals: npt.NDArray[np.int64]) -> Pairs:
    """Put keys and ordinals side by side. Shape (n,) each."""
    pairs = np.empty(keys.size, PAIR)
    pairs["key"], pairs["ordinal"] = keys, ordinals
    return pairs


class PartedPairs:
    """Pairs in N_PARTS files of a folder of their own.

    Args:
        folder: Made here, and removed by `remove`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._files: list[BinaryIO] = [(folder / str(part)).open("w+b") for part in range(N_PARTS)]

    def write(self, pairs: Pairs, part: npt.NDArray[np.uint8]) -> None:
        """Append pairs to their parts.

        Args:
            pairs: Shape (n,).
            part: Shape (n,): 0 to N_PARTS - 1.
        """
        order = np.argsort(part, kind="stable")
        edges = np.searchsorted(part[order], np.arange(N_PARTS + 1))
        for file, first, last in zip(self._files, edges[:-1], edges[1:], strict=True):
            pairs[order[first:last]].tofile(file)

    def read(self, part: int) -> Iterator[Pairs]:
        """The pairs of one part in the order in which they came, some at a time."""
        file = self._files[part]
        file.seek(0)
        while (pairs := np.fromfile(file, PAIR, _PAIRS_AT_A_TIME)).size:
            yield pairs

    def remove(self) -> None:
        """Close and delete the files."""
        for file in self._files:
            file.close()
        shutil.rmtree(self._folder)

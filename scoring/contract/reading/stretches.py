"""Cuts the records of a file, as they are read, into stretches of which none has more bytes than it may."""

from array import array

import numpy as np
import numpy.typing as npt

from bes.errors import InputError
from scoring.contract.reading.blocks import Block


class Stretches:
    """The stretches of one file while it is read.

    Args:
        name: How people call the file.
        most_bytes: Of the records of a stretch, with their line ends, as they stand in the file.
    """

    def __init__(self, name: str, most_bytes: int) -> None:
        self._name = name
        self._most_bytes = most_bytes
        self._firsts = array("q", [1])
        self._n_bytes = 0

    @property
    def first_record(self) -> npt.NDArray[np.int64]:
        """Shape (n_stretches,), ascending: number of the first record of each, from 1."""
        return np.frombuffer(self._firsts, dtype=np.int64)

    def add(self, block: Block, first_record: int) -> None:
        """Count the readable records of the next block; those that cannot be read are never sent.

        Args:
            first_record: Number of its first record in the file.

        Raises:
            InputError: A record alone has more bytes than a stretch may have, whether or not it keeps the contract.
        """
        places = block.places()
        sizes = places.end - places.start
        too_long = np.flatnonzero(sizes > self._most_bytes)
        if len(too_long):
            raise self._too_long(first_record + int(places.index[too_long[0]]), int(sizes[too_long[0]]))
        ends = np.cumsum(sizes)
        before = -self._n_bytes
        while (cut := int(np.searchsorted(ends, before + self._most_bytes, side="right"))) < len(ends):
            self._firsts.append(first_record + int(places.index[cut]))
            before = int(ends[cut - 1]) if cut else 0
        self._n_bytes = int(ends[-1]) - before if len(ends) else self._n_bytes

    def _too_long(self, record: int, n_bytes: int) -> InputError:
        return InputError(
            f"Record {record} of {self._name!r} has {n_bytes:,} bytes; a job is given {self._most_bytes:,} at most.",
            "Nothing was sent. Shorten the record, or run with more bytes_per_job, which is another run.",
        )

"""Lengths of texts in characters, told from their bytes where that is enough."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.rules.bounds import Bounds
from scoring.contract.rules.casting import byte_lengths
from scoring.contract.rules.masks import Mask

# UTF-8 writes a character with at most four bytes.
_MOST_BYTES: Final = 4


def lengths_outside(text: pa.StringArray, limits: Bounds) -> Mask:
    """Return where a text has too few or too many characters; an empty cell has no length.

    A text has at most as many characters as bytes, and at least a quarter of that. Characters are counted only where
    this leaves a doubt: reading all bytes of long texts would cost as much as all other rules together.

    Args:
        text: Shape (n_rows,).
        limits: Of the length in characters.
    """
    limits = limits.fitted_to("integer")
    n_bytes = byte_lengths(text)
    doubtful = np.zeros(len(text), bool)
    if isinstance(limits.lowest, int):
        doubtful |= n_bytes < limits.lowest * _MOST_BYTES
    if isinstance(limits.highest, int):
        doubtful |= n_bytes > limits.highest
    places = np.flatnonzero(doubtful)
    if not places.size:
        return None
    lengths = pc.cast(pc.utf8_length(text.take(pa.array(places))), pa.int64())
    outside = limits.outside(lengths)
    if outside is None:
        return None
    found = np.zeros(len(text), bool)
    found[places] = pc.fill_null(outside, fill_value=False).to_numpy(zero_copy_only=False)
    return pa.array(found)

"""Which rows of a block: a column of booleans, or None where it would be False throughout.

The usual block is clean, and what is None costs nothing.
"""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask: TypeAlias = pa.BooleanArray | None


def any_of(masks: Iterable[Mask]) -> Mask:
    """Return where one of them is True; null counts as False."""
    found: Mask = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else pc.or_kleene(found, mask)
    return found


def all_of(masks: Iterable[Mask]) -> Mask:
    """Return where every one of them is True; those behind the first None are not asked for."""
    found: Mask = None
    for mask in masks:
        if mask is None:
            return None
        found = mask if found is None else pc.and_kleene(found, mask)
    return found


def without(mask: Mask, excluded: Mask) -> Mask:
    """Return where the first is True and the second is not."""
    if mask is None or excluded is None:
        return mask
    return pc.and_kleene(mask, pc.invert(pc.fill_null(excluded, fill_value=False)))


def unless_all(holds: pa.BooleanArray) -> Mask:
    """Return where a rule does not hold: null counts as holding."""
    return pc.invert(holds) if holds.false_count else None


def if_any(mask: pa.BooleanArray) -> Mask:
    """Return the mask itself, or None where it is never True."""
    return mask if mask.true_count else None


def positions(mask: Mask) -> npt.NDArray[np.int64]:
    """Return the places where it is True, ascending."""
    if mask is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False))


def count(mask: Mask) -> int:
    """Return how often it is True."""
    return 0 if mask is None else int(mask.true_count)

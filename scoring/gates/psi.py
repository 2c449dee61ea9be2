"""How far a distribution has moved: the population stability index."""

from collections.abc import Sequence
from typing import Final

import numpy as np

EPSILON: Final = 1e-4
"""The share that an empty bin is given, since the logarithm of none is infinite."""


def population_stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """The sum over all bins of (q - p) * ln(q / p), where p and q are a bin's shares before and now.

    Of small samples it is too large: for equal populations about (bins - 1) * (1/n + 1/m).

    Args:
        before: Shape (n_bins,), counts; one of them at least is not 0.
        now: Counts in the same bins, likewise.

    Source: Siddiqi, "Credit Risk Scorecards", 2006; the bias: Yurdakul, "Statistical Properties of Population Stability
        Index", 2018.
    """
    p, q = (np.maximum(np.asarray(counts) / np.sum(counts), EPSILON) for counts in (before, now))
    return float(np.sum((q - p) * np.log(q / p)))

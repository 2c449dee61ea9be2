"""Quantiles of a column: exact up to a number of values, beyond that from a sketch of bounded size and known error.

The sketch is a ladder of sorted buffers. Two full buffers of one step are merged, and every other value goes one step
up, where it stands for twice as many. It draws no lots: the same values in the same order give the same quantiles.

Source: Manku, Rajagopalan, Lindsay, "Approximate medians and other quantiles in one pass and with limited memory",
1998.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from scoring.contract.rules.moments import Numbers

BUFFER_VALUES: Final = 65_536
# So many values are all kept: 2 MiB a column.
EXACT_VALUES: Final = 4 * BUFFER_VALUES


class QuantileSketch:
    """Takes up full buffers of values, in the order of the input."""

    def __init__(self) -> None:
        self._steps: list[list[Numbers]] = [[]]
        self._n_merged: list[int] = [0]
        self.n = 0

    def add(self, buffer: Numbers) -> None:
        """Take up one buffer.

        Args:
            buffer: Shape (BUFFER_VALUES,), int64 or float64.
        """
        self._steps[0].append(np.sort(buffer))
        self.n += buffer.size
        if self.n > EXACT_VALUES:
            self._merge_up()

    def _merge_up(self) -> None:
        step = 0
        while step < len(self._steps):
            while len(self._steps[step]) > 1:
                self._merge_two(step)
            step += 1

    def _merge_two(self, step: int) -> None:
        if step + 1 == len(self._steps):
            self._steps.append([])
            self._n_merged.append(0)
        first, second = self._steps[step][:2]
        both = np.sort(np.concatenate([first, second]), kind="stable")
        # By turns those at even and at odd places, so that what one merger counts too low the next counts too high.
        self._steps[step + 1].append(both[self._n_merged[step] % 2 :: 2])
        self._n_merged[step] += 1
        del self._steps[step][:2]

    @property
    def rank_error(self) -> int:
        """Most places by which a quantile can be off in the order of all values.

        A merger moves values by no more places than one value of its step stands for, and the value that is found
        stands for as many as those of the highest step do.
        """
        merged = sum(n_merged << step for step, n_merged in enumerate(self._n_merged))
        return merged + (1 << (len(self._steps) - 1)) - 1

    def quantile(self, q: float, rest: Numbers, interpolation: str) -> float:
        """Return the value at a share of all values in order.

        Args:
            q: 0 to 1.
            rest: Values behind the last full buffer; there must be one at least, here or there.
            interpolation: Between two values, as pandas names it: linear, lower, higher, midpoint or nearest. Beyond
                EXACT_VALUES it makes no difference.
        """
        if self.n + rest.size <= EXACT_VALUES:
            values = np.concatenate([*self._steps[0], rest])
            return float(np.quantile(values, q, method=interpolation))  # type: ignore[call-overload]
        return self._approximate(q, rest)

    def _approximate(self, q: float, rest: Numbers) -> float:
        parts = [(rest, 1), *((buffer, 1 << step) for step, held in enumerate(self._steps) for buffer in held)]
        values = np.concatenate([part for part, _ in parts])
        weights = np.concatenate([np.full(part.size, weight) for part, weight in parts])
        order = np.argsort(values, kind="stable")
        up_to: npt.NDArray[np.int64] = np.cumsum(weights[order])
        place = round(q * (self.n + rest.size - 1))
        return float(values[order][np.searchsorted(up_to, place, side="right")])

"""Number, sum, mean and standard deviation of a column, added up over runs of its values."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# int64 for a column of integers, float64 for any other.
Numbers = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What is known of the numbers so far.

    Args:
        n: How many.
        total: Their sum; of integers it is exact, however large.
        squares: The sum of the squares of their distances from their mean.
    """

    n: int = 0
    total: float = 0
    squares: float = 0.0

    @classmethod
    def of(cls, numbers: Numbers) -> "Moments":
        """Measure one run of numbers, shape (n,), int64 or float64."""
        if not numbers.size:
            return cls()
        total = _sum(numbers)
        # A float may be too large to be squared or added: the result is infinite then, and no bounds hold.
        with np.errstate(over="ignore", invalid="ignore"):
            distances = numbers - total / numbers.size
            # Not by `dot`: its threads wait busily for the next call, and the sum depends on their number.
            return cls(n=int(numbers.size), total=total, squares=float(np.square(distances).sum()))

    def merged(self, other: "Moments") -> "Moments":
        """Return what is known of both.

        Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
        """
        if not self.n or not other.n:
            return other if not self.n else self
        n = self.n + other.n
        apart = other.total / other.n - self.total / self.n
        squares = self.squares + other.squares + apart * apart * (self.n * other.n / n)
        return Moments(n=n, total=self.total + other.total, squares=squares)

    @property
    def mean(self) -> float | None:
        """None of no numbers."""
        return self.total / self.n if self.n else None

    @property
    def standard_deviation(self) -> float | None:
        """Of the sample, with n - 1 as the divisor; None of fewer than two numbers."""
        return math.sqrt(self.squares / (self.n - 1)) if self.n > 1 else None


def _sum(numbers: Numbers) -> Any:  # noqa: ANN401
    if numbers.dtype != np.int64:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(numbers.sum())
    # Halves add up within 64 bits, where whole numbers of 18 digits would not.
    high, low = numbers >> 32, numbers & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())

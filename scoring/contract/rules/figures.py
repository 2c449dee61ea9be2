"""What a rule about a whole column needs to know of it: measured block by block, and added up."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bes.errors import InputError
from scoring.contract.rules.catalogue import Measure
from scoring.contract.rules.moments import Moments, Numbers
from scoring.contract.rules.sketch import BUFFER_VALUES, QuantileSketch
from scoring.contract.rules.value_counts import (
    MAX_DISTINCT_CHARACTERS,
    MAX_DISTINCT_VALUES,
    Value,
    ValueCounts,
    counted_values,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockFigures:
    """What a block tells of one column; what no rule asks for is None.

    Args:
        n: Number of values: cells that are neither empty nor of another type than declared.
        extremes: The smallest and the largest value.
        numbers: The values themselves, shape (n,).
        counted: The distinct values and how often each occurs.
    """

    n: int
    extremes: tuple[Value, Value] | None = None
    numbers: Numbers | None = None
    counted: pa.StructArray | None = None


def measure(values: pa.Array, measures: AbstractSet[Measure]) -> BlockFigures:
    """Measure a column of one block.

    Args:
        values: As typed; null counts for nothing.
        measures: What is asked for.
    """
    n = len(values) - values.null_count
    return BlockFigures(
        n=n,
        extremes=_extremes(values) if n and "extremes" in measures else None,
        numbers=values.drop_null().to_numpy() if measures & {"moments", "quantiles"} else None,
        counted=counted_values(values) if "counts" in measures else None,
    )


def _extremes(values: pa.Array) -> tuple[Value, Value]:
    found = pc.min_max(values)
    return found["min"].as_py(), found["max"].as_py()


TOO_MANY_DISTINCT: Final = (
    f"more than {MAX_DISTINCT_VALUES:,} different values, or more than {MAX_DISTINCT_CHARACTERS:,} characters of them"
)
"""What is found of a column whose distinct values are not counted to the end."""

_NO_NUMBERS: Final = np.empty(0, np.float64)


class ColumnFigures:
    """What all blocks together tell of one column.

    Nothing here hangs on how the input was cut into blocks: numbers are taken up in runs of one fixed length.

    Args:
        column: Its name, for messages.
        measures: What rules ask for; other figures are refused with LookupError.
        count_distinct: Counts the distinct values at the end of the pass, where a rule asks for their number.
    """

    def __init__(self, column: str, measures: AbstractSet[Measure], count_distinct: Callable[[], int]) -> None:
        self.n = 0
        self._column = column
        self._measures = measures
        self._count_distinct = count_distinct
        self._smallest: list[Value] = []
        self._largest: list[Value] = []
        self._rest: list[Numbers] = []
        self._n_rest = 0
        self._moments = Moments()
        self._sketch = QuantileSketch()
        self._counts = ValueCounts()

    def add(self, block: BlockFigures) -> None:
        """Take up a block, in the order of the input."""
        self.n += block.n
        if block.extremes is not None:
            smallest, largest = block.extremes
            # Values of one column are of one type, and so have an order.
            self._smallest = [min([*self._smallest, smallest])]
            self._largest = [max([*self._largest, largest])]
        if block.numbers is not None:
            self._add_numbers(block.numbers)
        if block.counted is not None:
            self._counts.add(block.counted)

    def _add_numbers(self, numbers: Numbers) -> None:
        self._rest.append(numbers)
        self._n_rest += numbers.size
        if self._n_rest < BUFFER_VALUES:
            return
        together = np.concatenate(self._rest)
        n_whole = together.size - together.size % BUFFER_VALUES
        for run in np.split(together[:n_whole], n_whole // BUFFER_VALUES):
            self._moments = self._moments.merged(Moments.of(run))
            if "quantiles" in self._measures:
                self._sketch.add(run)
        self._rest, self._n_rest = [together[n_whole:].copy()], together.size - n_whole

    @property
    def minimum(self) -> Value | None:
        """The smallest value, a text in columns of texts; None of no values."""
        self._require("extremes")
        return self._smallest[0] if self._smallest else None

    @property
    def maximum(self) -> Value | None:
        """The largest value; None of no values."""
        self._require("extremes")
        return self._largest[0] if self._largest else None

    @property
    def total(self) -> float:
        """The sum; an int, and exact, in a column of integers; 0 of no values."""
        return self._all_moments().total

    @property
    def mean(self) -> float | None:
        """None of no values."""
        return self._all_moments().mean

    @property
    def standard_deviation(self) -> float | None:
        """Of the sample, with n - 1 as the divisor; None of fewer than two values."""
        return self._all_moments().standard_deviation

    def _all_moments(self) -> Moments:
        self._require("moments")
        return self._moments.merged(Moments.of(self._numbers_left()))

    @property
    def median(self) -> float | None:
        """The value in the middle, or the mean of the two; None of no values."""
        lower, higher = self.quantile(0.5, interpolation="lower"), self.quantile(0.5, interpolation="higher")
        return None if lower is None or higher is None else (lower + higher) / 2

    def quantile(self, q: float, *, interpolation: str = "nearest") -> float | None:
        """Return the value at a share of all values in order; None of no values.

        Up to EXACT_VALUES it is exact. Beyond that it is a value of the column whose place in the order is off by at
        most `rank_error`.

        Args:
            q: 0 to 1.
            interpolation: Where the place falls between two values: linear, lower, higher, midpoint or nearest.
        """
        self._require("quantiles")
        return self._sketch.quantile(q, self._numbers_left(), interpolation) if self.n else None

    @property
    def rank_error(self) -> int:
        """Most places by which a quantile can be off in the order of all values; 0 up to EXACT_VALUES."""
        return self._sketch.rank_error

    @property
    def n_distinct(self) -> int:
        """Number of distinct values, however many.

        Of texts it is the number of distinct hashes of 64 bits: among a hundred million it is off by one in one of some
        three thousand inputs.
        """
        if "distinct" not in self._measures:
            return len(self.distinct)
        return self._count_distinct()

    @property
    def are_too_many(self) -> bool:
        """Whether there are more distinct values than `distinct` can tell."""
        return self._counts.is_full

    @property
    def distinct(self) -> Mapping[Value, int]:
        """How often each value occurs.

        Raises:
            InputError: There are more than MAX_DISTINCT_VALUES, or their texts are too long together.
        """
        self._require("counts")
        if self._counts.is_full:
            raise InputError(
                f"Column {self._column!r} has more distinct values than can be listed: {TOO_MANY_DISTINCT}.",
                "Use expect_column_values_to_be_in_set or expect_column_unique_value_count_to_be_between instead.",
            )
        return self._counts.counts

    def _numbers_left(self) -> Numbers:
        return np.concatenate(self._rest) if self._rest else _NO_NUMBERS

    def _require(self, measure: Measure) -> None:
        if measure not in self._measures:
            raise LookupError(f"no rule asks for the {measure} of column {self._column!r}")

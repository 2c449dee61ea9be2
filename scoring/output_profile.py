"""What the output columns of a run look like: counts, moments and histograms, taken in memory that does not grow.

The predictions are read twice: what the values are, then how many fall between which edges. A histogram has a bin below
its first edge and one beyond its last, so that no value of a later run is without a bin.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from bes.errors import IntegrityError
from scoring.contract.rules.moments import Moments
from scoring.csv_records import CsvFile, open_csv
from scoring.read_ahead import read_ahead

SCHEMA_VERSION: Final = 1

MAX_COLUMNS: Final = 200
"""Output columns that are looked at. Of more, the first half and the last half of so many: models put what they add at
the end."""

N_BINS: Final = 10
"""Between the smallest and the largest value, as is the custom where distributions are compared."""

_SAMPLE_ROWS: Final = 10_000
"""Values of a column from which edges are chosen; 16 MB for all columns."""

_Floats = npt.NDArray[np.float64]


class _Profile(BaseModel):
    model_config = ConfigDict(frozen=True)


class ColumnProfile(_Profile):
    """One output column.

    Args:
        name: As in the header; a number is added to one that is empty or stands twice.
        is_numeric: Whether all cells are numbers but those that are missing, and there is one at least.
        n_null: Missing cells: empty ones, and NaN.
        is_constant: Whether all cells but those that are missing are the same, and there is one at least.
        minimum: Of the finite numbers, as are the three that follow; None where there is none.
        standard_deviation: Of the sample; None as well of a single number, and where it is beyond all floats.
        edges: Shape (n_edges,), ascending; none of a column that is not numeric.
        counts: Shape (n_edges + 1,): numbers up to the first edge, up to the second one, and so on; the last one counts
            those beyond all edges. Infinite numbers are among them, missing cells are not.
    """

    name: str
    is_numeric: bool
    n_rows: int
    n_null: int
    is_constant: bool
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class OutputProfile(_Profile):
    """The output columns of a run, in their order.

    Args:
        n_columns_left_out: Columns that were not looked at, since there are more than MAX_COLUMNS.
    """

    schema_version: int = SCHEMA_VERSION
    columns: tuple[ColumnProfile, ...]
    n_columns_left_out: int = 0

    def column(self, name: str) -> ColumnProfile | None:
        """The column of this name; None where there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """The same columns twice.

    Args:
        own: With edges of their own; the next run is compared with these.
        compared: With the edges of the last good run where it has such a column, so that the two compare bin by bin.
    """

    own: OutputProfile
    compared: OutputProfile


def profile_predictions(path: Path, *, n_kept: int, last: OutputProfile | None = None) -> Profiled:
    """Profile the output columns of a predictions file.

    Args:
        path: The file.
        n_kept: Its first columns, which are not outputs.
        last: Of the last good run.

    Raises:
        IntegrityError: The file was damaged since it was written.
    """
    file = open_csv(path, what=f"The file {str(path)!r}")
    places, n_left_out = _chosen(n_kept, len(file.header))
    names = _unique([file.header[place] for place in places])
    tallies = [_Tally() for _ in places]
    for batch in _columns(file, places):
        for tally, column in zip(tallies, batch, strict=True):
            tally.add(column)
    before = {column.name: column for column in last.columns} if last else {}
    own = [_Histogram(tally.edges()) for tally in tallies]
    compared = [
        _Histogram(np.array(before[name].edges)) if name in before and before[name].is_numeric else histogram
        for name, histogram in zip(names, own, strict=True)
    ]
    _count(file, places, tallies, [own, compared])
    return Profiled(
        own=_profile(names, tallies, own, n_left_out), compared=_profile(names, tallies, compared, n_left_out)
    )


def _chosen(n_kept: int, n_columns: int) -> tuple[list[int], int]:
    """The places of the columns that are looked at, and how many are left out."""
    places = list(range(n_kept, n_columns))
    if len(places) <= MAX_COLUMNS:
        return places, 0
    half = MAX_COLUMNS // 2
    return [*places[:half], *places[-half:]], len(places) - 2 * half


def _unique(header: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for name in header:
        seen[name] += 1
        names.append(f"{name} ({seen[name]})" if seen[name] > 1 or not name else name)
    return names


def _columns(file: CsvFile, places: Sequence[int]) -> Iterator[list[pa.Array]]:
    for batch in read_ahead(file.batches()):
        yield [batch.column(place) for place in places]


def _count(
    file: CsvFile, places: Sequence[int], tallies: "Sequence[_Tally]", kinds: "Sequence[Sequence[_Histogram]]"
) -> None:
    numeric = [at for at, tally in enumerate(tallies) if tally.is_numeric]
    if not numeric:
        return
    for batch in _columns(file, [places[at] for at in numeric]):
        for at, column in zip(numeric, batch, strict=True):
            values = _numbers(column)
            if values is None:
                raise IntegrityError(f"{file.what} was changed while it was read.", "Nothing was published. Run again.")
            for histogram in {id(kind[at]): kind[at] for kind in kinds}.values():
                histogram.add(values[~np.isnan(values)])


def _profile(
    names: Sequence[str], tallies: "Sequence[_Tally]", histograms: "Sequence[_Histogram]", n_left_out: int
) -> OutputProfile:
    columns = (tally.profile(name, found) for name, tally, found in zip(names, tallies, histograms, strict=True))
    return OutputProfile(columns=tuple(columns), n_columns_left_out=n_left_out)


def _numbers(column: pa.Array) -> _Floats | None:
    """Shape (n_rows,), NaN for a missing cell; None when a cell is no number."""
    try:
        numbers: _Floats = pc.cast(column, pa.float64()).fill_null(math.nan).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return numbers


class _Tally:
    """What is known of one column so far."""

    def __init__(self) -> None:
        self._n_rows = 0
        self._n_empty = 0
        self._n_nan = 0
        self._is_number = True
        self._first: str | None = None
        self._is_same_text = True
        self._moments = Moments()
        self._low, self._high = math.inf, -math.inf
        self._sample = _Sample()

    def add(self, column: pa.Array) -> None:
        """Take up some cells as text."""
        numbers = _numbers(column) if self._is_number else None
        self._n_rows += len(column)
        self._n_empty += column.null_count
        self._compare(column)
        if numbers is None:
            self._is_number = False
            return
        self._n_nan += int(np.isnan(numbers).sum()) - column.null_count
        self._sample.add(numbers)
        given = numbers[~np.isnan(numbers)]
        if given.size:
            self._low, self._high = min(self._low, float(given.min())), max(self._high, float(given.max()))
        self._moments = self._moments.merged(Moments.of(given[np.isfinite(given)]))

    def _compare(self, column: pa.Array) -> None:
        if not self._is_same_text or column.null_count == len(column):
            return
        if self._first is None:
            self._first = column.drop_null()[0].as_py()
        self._is_same_text = bool(pc.all(pc.equal(column, self._first)).as_py())

    @property
    def is_numeric(self) -> bool:
        """Whether all cells are numbers but those that are missing, and there is one at least."""
        return self._is_number and self._low <= self._high

    @property
    def is_constant(self) -> bool:
        """Whether all cells but those that are missing are the same, and there is one at least."""
        if self.is_numeric:
            return self._low == self._high
        return self._first is not None and self._is_same_text and not self._is_number

    def edges(self) -> _Floats:
        """Edges that cut the values into parts of the same size, with one below all values and one at the largest."""
        if not self.is_numeric:
            return np.array([])
        sample = self._sample.finite()
        inner = np.quantile(sample, np.arange(1, N_BINS) / N_BINS, method="lower") if sample.size else np.array([])
        outer = [np.nextafter(self._low, -math.inf), self._high]
        edges: _Floats = np.unique(np.concatenate([inner, outer]))
        return edges[np.isfinite(edges)]

    def profile(self, name: str, histogram: "_Histogram") -> ColumnProfile:
        """The column, with one of its histograms."""
        described = {
            "minimum": self._low,
            "maximum": self._high,
            "mean": self._moments.mean,
            "standard_deviation": self._moments.standard_deviation,
        }
        is_numeric = self.is_numeric
        return ColumnProfile(
            name=name,
            is_numeric=is_numeric,
            n_rows=self._n_rows,
            n_null=self._n_empty + (self._n_nan if self._is_number else 0),
            is_constant=self.is_constant,
            **{what: _finite(value) for what, value in described.items()} if is_numeric else {},
            edges=tuple(histogram.edges.tolist()) if is_numeric else (),
            counts=tuple(histogram.counts.tolist()) if is_numeric else (),
        )


class _Sample:
    """Every so many-th value of a column. Which ones are kept does not depend on how the rows are cut."""

    def __init__(self) -> None:
        self._kept: _Floats = np.array([])
        self._step = 1
        self._n_rows = 0

    def add(self, values: _Floats) -> None:
        self._kept = np.concatenate([self._kept, values[-self._n_rows % self._step :: self._step]])
        self._n_rows += len(values)
        while len(self._kept) > _SAMPLE_ROWS:
            self._kept = self._kept[::2]
            self._step *= 2

    def finite(self) -> _Floats:
        return self._kept[np.isfinite(self._kept)]


class _Histogram:
    def __init__(self, edges: _Floats) -> None:
        self.edges = edges
        self.counts = np.zeros(len(edges) + 1, dtype=np.int64)

    def add(self, values: _Floats) -> None:
        self.counts += np.bincount(np.searchsorted(self.edges, values, side="left"), minlength=len(self.counts))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from scoring.contract.rules.sketch import BUFFER_VALUES, EXACT_VALUES, QuantileSketch

QUANTILES = (0.0, 0.001, 0.25, 0.5, 0.9, 0.999, 1.0)


def sketched(values: npt.NDArray[np.float64]) -> tuple[QuantileSketch, npt.NDArray[np.float64]]:
    """The sketch, and the values that do not fill a buffer."""
    sketch = QuantileSketch()
    n_whole = values.size - values.size % BUFFER_VALUES
    for first in range(0, n_whole, BUFFER_VALUES):
        sketch.add(values[first : first + BUFFER_VALUES])
    return sketch, values[n_whole:]


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("size", [1, 2, 5, 100, BUFFER_VALUES + 3])
def test_up_to_a_quarter_of_a_million_values_quantiles_are_those_of_pandas(interpolation: str, size: int):
    values = np.random.default_rng(size).normal(size=size)
    sketch, rest = sketched(values)

    found = [sketch.quantile(q, rest, interpolation) for q in QUANTILES]

    assert found == pd.Series(values).quantile(list(QUANTILES), interpolation=interpolation).tolist()
    assert sketch.rank_error == 0


def places(values: npt.NDArray[np.float64], value: float, q: float) -> int:
    """How far a value is from its place among all values in order."""
    ordered = np.sort(values)
    lowest, highest = np.searchsorted(ordered, value, "left"), np.searchsorted(ordered, value, "right") - 1
    wanted = round(q * (values.size - 1))
    return max(int(lowest) - wanted, wanted - int(highest), 0)


@pytest.mark.parametrize("order", ["random", "ascending", "descending", "few distinct"])
def test_of_five_million_values_the_places_are_off_by_no_more_than_is_stated(order: str):
    values = np.random.default_rng(3).lognormal(size=5_000_000)
    if order == "few distinct":
        values = np.floor(values)
    if order.endswith("ending"):
        values = np.sort(values)[:: 1 if order == "ascending" else -1]

    sketch, rest = sketched(values)

    worst = max(places(values, sketch.quantile(q, rest, "nearest"), q) for q in QUANTILES)
    assert worst <= sketch.rank_error < 0.0001 * values.size


def test_the_same_values_give_the_same_quantiles():
    values = np.random.default_rng(4).normal(size=EXACT_VALUES * 2)

    (first, rest), (second, _) = sketched(values), sketched(values)

    assert [first.quantile(q, rest, "nearest") for q in QUANTILES] == [
        second.quantile(q, rest, "nearest") for q in QUANTILES
    ]


def test_a_sketch_holds_a_fraction_of_its_values():
    sketch, _ = sketched(np.arange(BUFFER_VALUES * 64, dtype=np.float64))

    held = sum(buffer.size for step in sketch._steps for buffer in step)
    assert held <= 2 * BUFFER_VALUES

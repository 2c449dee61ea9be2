import pyarrow as pa
import pytest

from scoring.contract.rules.bounds import Bounds


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Bounds(lowest=1), "at least 1"),
        (Bounds(lowest=0, highest=1.5, above=True), "above 0 and at most 1.5"),
        (Bounds(highest=5.0, below=True), "below 5"),
        (Bounds(lowest=2.0, highest=20.0), "between 2 and 20"),
        (Bounds(lowest="2026-01-01"), "at least 2026-01-01"),
    ],
)
def test_bounds_are_put_into_words(bounds: Bounds, words: str):
    assert bounds.in_words == words


@pytest.mark.parametrize(
    ("bounds", "outside"),
    [
        (Bounds(lowest=2), [1]),
        (Bounds(lowest=2, above=True), [1, 2]),
        (Bounds(lowest=1.5, highest=2.5), [1, 3]),
        (Bounds(lowest=1.5, highest=2.5, above=True, below=True), [1, 3]),
        (Bounds(highest=3, below=True), [3]),
        (Bounds(highest=-(10**30)), [1, 2, 3]),
        (Bounds(lowest=-1e30, highest=1e30), []),
    ],
)
def test_integers_are_compared_without_being_rounded(bounds: Bounds, outside: list[int]):
    values = pa.array([1, 2, None, 3], pa.int64())

    mask = bounds.fitted_to("integer").outside(values)

    assert ([] if mask is None else values.filter(mask).to_pylist()) == outside


def test_neighbours_beyond_the_exact_floats_are_told_apart():
    values = pa.array([2**53, 2**53 + 1])

    mask = Bounds(highest=2**53).fitted_to("integer").outside(values)

    assert mask.to_pylist() == [False, True]


def test_floats_and_dates_are_compared_as_they_are():
    floats = Bounds(lowest=0, highest=1, below=True).fitted_to("float").outside(pa.array([-0.1, 0.0, 0.9, 1.0]))
    dates = Bounds(lowest="2026-01-01").fitted_to("date").outside(pa.array(["2025-12-31", "2026-01-01", None]))

    assert floats.to_pylist() == [True, False, False, True]
    assert dates.to_pylist() == [True, False, None]

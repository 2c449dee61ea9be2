import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.rules.moments import Moments

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50)


@given(NUMBERS, st.integers(0, 50))
def test_two_runs_tell_together_what_one_run_of_both_tells(numbers: list[float], cut: int):
    values = np.array(numbers)

    merged = Moments.of(values[:cut]).merged(Moments.of(values[cut:]))

    assert merged.n == len(numbers)
    assert merged.total == pytest.approx(values.sum(), abs=1e-6)
    assert merged.mean == pytest.approx(pd.Series(numbers).mean(), abs=1e-6)
    assert merged.standard_deviation == pytest.approx(pd.Series(numbers).std(), rel=1e-6, abs=1e-6)


def test_a_small_spread_about_a_large_mean_is_not_lost():
    values = 1e9 + np.array([0.0, 1.0, 2.0] * 1000)

    moments = Moments.of(values[:1700]).merged(Moments.of(values[1700:]))

    assert moments.standard_deviation == pytest.approx(np.std([0, 1, 2] * 1000, ddof=1), rel=1e-9)


def test_the_sum_of_integers_is_exact_beyond_64_bits():
    largest = 10**18 - 1

    moments = Moments.of(np.full(1000, largest)).merged(Moments.of(np.full(1000, -1)))

    assert moments.total == 1000 * largest - 1000
    assert moments.mean == pytest.approx(largest / 2)


def test_few_numbers_have_no_mean_or_no_spread():
    assert (Moments().mean, Moments().standard_deviation, Moments().total) == (None, None, 0)
    assert Moments.of(np.array([2.0])).standard_deviation is None
    assert Moments.of(np.empty(0)).merged(Moments.of(np.array([1, 3]))) == Moments.of(np.array([1, 3]))


def test_a_sum_beyond_all_floats_is_infinite_and_no_error():
    moments = Moments.of(np.array([1e308, 1e308]))

    assert moments.total == float("inf")

"""Single bytes are found wherever they stand, at the edges of windows as well."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoring.contract.reading.byte_search import WINDOW_BYTES as WINDOW
from scoring.contract.reading.byte_search import count_byte, places_of_byte


@given(
    size=st.sampled_from([0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 1]),
    seeds=st.lists(st.integers(0, 2 * WINDOW)),
)
def test_places_are_those_of_the_byte(size, seeds):
    data = np.zeros(size, dtype=np.uint8)
    wanted = sorted({place for place in [*seeds, 0, WINDOW - 1, WINDOW] if place < size})
    data[wanted] = 10
    assert places_of_byte(10, data).tolist() == wanted
    assert count_byte(10, data) == len(wanted)

"""Two streams of batches beside each other: each row beside its like, wherever the streams were cut."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoring.side_by_side import side_by_side

sizes = st.lists(st.integers(0, 5), max_size=8)


def stream(sizes):
    """Batches of these sizes; their one column counts the rows."""
    n_rows = 0
    for size in sizes:
        yield pa.RecordBatch.from_arrays([pa.array(range(n_rows, n_rows + size), type=pa.int64())], names=["row"])
        n_rows += size


@given(ones=sizes, others=sizes)
def test_each_row_stands_beside_its_like_and_what_is_left_over_comes_last(ones, others):
    pairs = list(side_by_side(stream(ones), stream(others)))
    equal = pairs if sum(ones) == sum(others) else pairs[:-1]
    assert all(one.num_rows == other.num_rows > 0 for one, other in equal)
    rows = [(one.column(0).to_pylist(), other.column(0).to_pylist()) for one, other in equal]
    assert all(one == other for one, other in rows)
    assert [row for one, _ in rows for row in one] == list(range(min(sum(ones), sum(others))))
    if equal is not pairs:
        one, other = pairs[-1]
        assert 0 in (one.num_rows, other.num_rows)
        assert one.num_rows != other.num_rows

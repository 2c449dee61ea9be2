"""Two streams of batches, row by row beside each other."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def side_by_side(
    one: Iterable[pa.RecordBatch], other: Iterable[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Batches of both that hold as many rows, wherever each of them was cut.

    The last pair alone differs in length, and only when one of them has rows left when the other has ended.
    """
    empty = pa.RecordBatch.from_arrays([], names=[])
    left = right = empty
    ones, others = _with_rows(one), _with_rows(other)
    while True:
        left = left if left.num_rows else next(ones, empty)
        right = right if right.num_rows else next(others, empty)
        n_rows = min(left.num_rows, right.num_rows)
        if not n_rows:
            break
        yield left.slice(0, n_rows), right.slice(0, n_rows)
        left, right = left.slice(n_rows), right.slice(n_rows)
    if left.num_rows or right.num_rows:
        yield left, right


def _with_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return (batch for batch in batches if batch.num_rows)

"""Counts written as CSV from n-grams, beside Arrow's CSV of the same counts."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import feature_hashing
from service.counts_csv import MAX_COUNT, counts_csv
from service.feature_hashing import find_ngrams, hash_features

MANY_BITS = 12
"""As many columns as leave most counts at zero."""


def straight(texts: pa.StringArray, *, bits: int, delimiter: str = ",") -> bytes:
    """What `counts_csv` makes of the texts."""
    return b"".join(
        counts_csv(found.cells, n_rows=found.end_row - found.first_row, n_columns=1 << bits, delimiter=delimiter)
        for found in find_ngrams(texts, bits=bits, ngrams=2)
    )


def by_arrow(texts: pa.StringArray, *, bits: int, delimiter: str = ",") -> bytes:
    """What Arrow writes for the table of counts."""
    columns = [pa.array(np.ascontiguousarray(column)) for column in hash_features(texts, bits=bits, ngrams=2).T]
    out = pa.BufferOutputStream()
    options = pacsv.WriteOptions(include_header=False, delimiter=delimiter)
    pacsv.write_csv(pa.record_batch(columns, names=[str(index) for index in range(1 << bits)]), out, options)
    return out.getvalue().to_pybytes()


def column(*texts: str | None) -> pa.StringArray:
    return pa.array(texts, pa.string())


def repeated(n_times: int) -> str:
    return " ".join(["word"] * n_times)


@pytest.mark.parametrize("bits", [1, MANY_BITS])
@pytest.mark.parametrize("n_times", [1, 9, 10, 207, 208, 255, 256, 300, MAX_COUNT, MAX_COUNT + 1, MAX_COUNT + 11])
def test_a_count_of_any_size_is_written_as_arrow_writes_it(n_times: int, bits: int) -> None:
    texts = column("a few words", repeated(n_times), "", None, f"other {repeated(11)}")

    assert straight(texts, bits=bits, delimiter="\t") == by_arrow(texts, bits=bits, delimiter="\t")


@pytest.mark.parametrize("place", [0, (1 << MANY_BITS) - 1])
@pytest.mark.parametrize("count", [9, 10, 256])
def test_the_first_and_the_last_cell_of_a_row_take_long_counts(count: int, place: int) -> None:
    n_columns = 1 << MANY_BITS
    second_row = [b"0"] * n_columns
    second_row[place] = b"%d" % count

    written = counts_csv(np.repeat(n_columns + place, count), n_rows=2, n_columns=n_columns, delimiter=",")

    assert bytes(written).split(b"\n") == [b",".join([b"0"] * n_columns), b",".join(second_row), b""]


@given(
    texts=st.lists(st.none() | st.lists(st.sampled_from("abcde12"), max_size=60).map(" ".join), min_size=1, max_size=6),
    bits=st.integers(1, 9),
    delimiter=st.sampled_from(",\t;|"),
)
def test_any_texts_are_written_as_arrow_writes_their_counts(texts: list[str | None], bits: int, delimiter: str) -> None:
    written = straight(column(*texts), bits=bits, delimiter=delimiter)

    assert written.count(b"\n") == len(texts)
    assert written == by_arrow(column(*texts), bits=bits, delimiter=delimiter)


@pytest.mark.parametrize("bits", [1, 10])
def test_rows_of_many_slices_stay_in_order(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    monkeypatch.setattr(feature_hashing, "SLICE_BYTES", 2_000)
    texts = column(*(f"row {number} {repeated(number % 14)}" for number in range(1_000)))

    assert straight(texts, bits=bits) == by_arrow(texts, bits=bits)

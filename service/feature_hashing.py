"""Feature Hashing: text to a fixed number of columns, each counting the words and word sequences that hash to it.

Equal to Vowpal Wabbit, bit for bit, for every token that its text format can carry. What the format leaves open is
decided here: carriage return and line feed, which end an example there, separate tokens here, because a text in a CSV
cell may hold them; `:` and `|`, which are syntax there, are letters here.

Source: Vowpal Wabbit's `hashstring`, `uniform_hash` and n-gram rule; `tests/service/test_feature_hashing.py` compares
with the original.
"""

from collections.abc import Iterator

import mmh3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NGRAM_FACTOR = np.uint32(27_942_141)
"""Vowpal Wabbit's `quadratic_constant`: an n-gram's hash is the hash before it times this, plus the next token's."""

MAX_BITS = 31
"""Vowpal Wabbit hashes to 32 bits; Feature Hashing takes 1 to 31 of them."""

SEPARATORS = b" \t\r\n"
"""What stands between tokens. No-break space, ideographic space, VT and FF are letters, as in Vowpal Wabbit."""

TRIMMED = bytes(range(0x21))
"""Control characters that Vowpal Wabbit ignores at either end of a token when it hashes it."""

SIGNIFICANT_DIGITS = 32
"""10**32 is a multiple of 2**32, so only the last 32 digits of a number decide its value modulo 2**32."""

SLICE_BYTES = 1 << 22
"""Text held at a time. The arrays of one slice take some 30 times that at worst, which is 130 MB."""

SLICE_CELLS = 1 << 22
"""Counters held at a time, 8 bytes each: 32 MB."""

MIN_SLICE_ROWS = 4096
"""Fewer rows share too few tokens for their hashes to be worth a table."""

_IS_SEPARATOR = np.zeros(256, dtype=np.bool_)
_IS_SEPARATOR[list(SEPARATORS)] = True


def hash_features(texts: pa.StringArray, *, bits: int, ngrams: int) -> npt.NDArray[np.int32]:
    """Count hashed n-grams per text.

    Args:
        texts: Shape (n_rows,), UTF-8; null counts as the empty text.
        bits: log2 of the number of output columns, 1 to 31.
        ngrams: Longest sequence of tokens that is counted; the shorter ones are counted beside it.

    Returns:
        Shape (n_rows, 2**bits), int32 counts. A column is the low `bits` bits of the hash.

    Raises:
        ValueError: `bits` or `ngrams` is out of range.
    """
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be 1 to {MAX_BITS}, not {bits!r}.")
    if ngrams < 1:
        raise ValueError(f"ngrams must be 1 or more, not {ngrams!r}.")
    counts = np.zeros((len(texts), 1 << bits), dtype=np.int32)
    for first_row, end_row in _row_slices(texts, bits=bits):
        rows, hashes = _hash_tokens(texts.slice(first_row, end_row - first_row))
        _count_ngrams(counts[first_row:end_row], rows, hashes, ngrams=ngrams)
    return counts


def hash_token(token: bytes) -> int:
    """Vowpal Wabbit's hash of one token: the value of a number, MurmurHash3 x86-32 with seed 0 of anything else."""
    token = token.strip(TRIMMED)
    if not token:
        return 0
    if token.isdigit():
        return int(token[-SIGNIFICANT_DIGITS:]) % (1 << 32)
    return mmh3.hash(token, seed=0, signed=False)


def _row_slices(texts: pa.StringArray, *, bits: int) -> Iterator[tuple[int, int]]:
    """First and end row of slices that hold a bounded amount of text and counters, one row at least."""
    max_rows = max(SLICE_CELLS >> bits, MIN_SLICE_ROWS)
    sizes_bytes = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes_bytes, dtype=np.int64)
    first_row = done_bytes = 0
    while first_row < len(ends):
        by_size = int(np.searchsorted(ends, done_bytes + SLICE_BYTES, side="right"))
        end_row = max(first_row + 1, min(by_size, first_row + max_rows))
        yield first_row, end_row
        first_row, done_bytes = end_row, int(ends[end_row - 1])


def _hash_tokens(texts: pa.StringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Row and hash of every token, in reading order. Each distinct token is hashed once."""
    rows, tokens = _split_tokens(texts)
    encoded = tokens.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    table = np.fromiter(map(hash_token, distinct), dtype=np.uint32, count=len(distinct))
    return rows, table[encoded.indices.to_numpy()]


def _split_tokens(texts: pa.StringArray) -> tuple[npt.NDArray[np.int64], pa.LargeBinaryArray]:
    """Row and bytes of every token. Works on the column's bytes: no byte of a longer UTF-8 character is ASCII."""
    text, bounds = _bytes_and_bounds(texts)
    inside = ~_IS_SEPARATOR[text]
    starts = inside.copy()
    starts[1:] &= ~inside[:-1]
    row_starts = bounds[:-1][bounds[:-1] < text.size]
    starts[row_starts] = inside[row_starts]
    rows = np.searchsorted(bounds, np.flatnonzero(starts), side="right") - 1
    letters = text[inside]
    offsets = np.append(np.flatnonzero(starts[inside]), letters.size)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(letters)]
    return rows, pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(rows), buffers)


def _bytes_and_bounds(texts: pa.StringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The column's UTF-8 bytes, one row after the other, and the n_rows + 1 places where rows begin and end."""
    filled = pc.fill_null(texts, "").cast(pa.large_string())
    _, offsets, text = filled.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[filled.offset : filled.offset + len(filled) + 1]
    characters = np.frombuffer(text or b"", dtype=np.uint8)
    return characters[bounds[0] : bounds[-1]], bounds - bounds[0]


def _count_ngrams(
    counts: npt.NDArray[np.int32], rows: npt.NDArray[np.int64], hashes: npt.NDArray[np.uint32], *, ngrams: int
) -> None:
    """Add the n-grams of orders 1 to `ngrams` to `counts`; none reaches over the end of a row."""
    n_columns = counts.shape[1]
    cells = counts.reshape(-1)
    grams = hashes
    for order in range(1, ngrams + 1):
        if order > 1:
            grams = grams[:-1] * NGRAM_FACTOR + hashes[order - 1 :]
        if not grams.size:
            return
        first_rows = rows[: grams.size]
        whole = first_rows == rows[order - 1 :]
        _add_counts(cells, first_rows[whole] * n_columns + (grams[whole] & np.uint32(n_columns - 1)))


def _add_counts(cells: npt.NDArray[np.int32], places: npt.NDArray[np.int64]) -> None:
    """Add one per place. Few cells are counted densely; of many, only those that occur."""
    if cells.size <= SLICE_CELLS:
        cells += np.bincount(places, minlength=cells.size).astype(np.int32)
        return
    found, times = np.unique(places, return_counts=True)
    cells[found] += times.astype(np.int32)

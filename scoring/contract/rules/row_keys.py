"""One number of 64 bits for the values of a row in some columns: equal values have equal numbers.

The number of a single column of numbers is the value itself. All others are hashes: two different rows may, rarely,
share one, and whoever must be sure compares the rows themselves.
"""

from collections.abc import Sequence
from typing import Final

import mmh3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.rules.casting import byte_lengths, offsets, utf8_bytes
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnTypes, is_number

Keys = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]

# The odd number nearest to 2**64 by the golden ratio; multiplying by it spreads every bit to those above it.
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_WORD: Final = 8
_LONGEST_SHORT: Final = 64
# Keeps the first 0 to 8 bytes of a word.
_FIRST_BYTES: Final = np.array([(1 << (8 * n)) - 1 for n in range(_WORD + 1)], np.uint64)
# What stands for a missing cell among others; any number that no short text has would do.
_MISSING: Final = np.uint64(0xD1B54A32D192ED03)


def are_exact(columns: Sequence[str], types: ColumnTypes) -> bool:
    """Return whether rows with equal keys surely have equal values in these columns."""
    return len(columns) == 1 and is_number(types[columns[0]])


def row_keys(cells: Cells, columns: Sequence[str]) -> Keys:
    """Return the key of each row in these columns; two missing cells are equal.

    Returns:
        Shape (n_rows,), uint64. Of a single column, the key of a missing cell is any number.
    """
    if len(columns) == 1:
        return _keys_of(cells.typed(columns[0]))
    keys = np.zeros(cells.n_rows, np.uint64)
    for column in columns:
        values = cells.typed(column)
        mine = _keys_of(values)
        if values.null_count:
            mine = np.where(pc.is_null(values).to_numpy(zero_copy_only=False), _MISSING, mine)
        keys = _mixed(_mixed(keys) ^ mine)
    return keys


def _keys_of(values: pa.Array) -> Keys:
    if pa.types.is_string(values.type):
        return hash_texts(values)
    numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
    # 0.0 and -0.0 are equal and have different bits.
    keys: Keys = (numbers + 0.0 if pa.types.is_floating(values.type) else numbers).view(np.uint64)
    return keys


def hash_texts(text: pa.StringArray) -> Keys:
    """Hash each text; null hashes like the empty text.

    Short texts are hashed eight bytes at a time, all of them at once. To a long one that costs more than a call of its
    own, which in turn holds Python's lock.

    Args:
        text: Shape (n_rows,).

    Returns:
        Shape (n_rows,), uint64.
    """
    edges = offsets(text)
    starts = (edges[:-1] - edges[0]).astype(np.int64)
    lengths = byte_lengths(text).astype(np.int64)
    data = utf8_bytes(text)
    is_long = lengths > _LONGEST_SHORT
    if not is_long.any():
        return _hash_short(data, starts, lengths)
    hashes = np.empty(len(text), np.uint64)
    hashes[~is_long] = _hash_short(data, starts[~is_long], lengths[~is_long])
    all_bytes, ends = data.tobytes(), starts + lengths
    places = zip(starts[is_long].tolist(), ends[is_long].tolist(), strict=True)
    hashes[is_long] = [mmh3.hash64(all_bytes[start:end], signed=False)[0] for start, end in places]
    return hashes


def _hash_short(data: npt.NDArray[np.uint8], starts: _Numbers, lengths: _Numbers) -> Keys:
    words = _words(data)
    # With the length in, texts that differ in bytes of zero at their end differ as well; spread, it is no word.
    hashes = _mixed(lengths.astype(np.uint64))
    shortest, longest = (int(lengths.min()), int(lengths.max())) if lengths.size else (0, 0)
    for place in range(0, longest, _WORD):
        if place + _WORD <= shortest:
            hashes = _mixed(hashes ^ words[starts + place])
            continue
        rows = np.flatnonzero(lengths > place)
        left = np.minimum(lengths[rows] - place, _WORD)
        hashes[rows] = _mixed(hashes[rows] ^ (words[starts[rows] + place] & _FIRST_BYTES[left]))
    return _mixed(hashes)


def _words(data: npt.NDArray[np.uint8]) -> Keys:
    """The eight bytes from each byte on as one little-endian number, without a copy for each."""
    padded = np.zeros(data.size + _WORD, np.uint8)
    padded[: data.size] = data
    return np.ndarray((data.size + 1,), "<u8", padded, 0, (1,))


def _mixed(keys: Keys) -> Keys:
    """One to one: different keys stay different."""
    spread = keys * _SPREAD
    spread ^= spread >> _HALF
    return spread

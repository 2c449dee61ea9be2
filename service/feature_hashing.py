"""Feature Hashing: text to a fixed number of columns, each counting the words and word sequences that hash to it.

Equal to Vowpal Wabbit, bit for bit, for every token that its text format can carry. What the format leaves open is
decided here: carriage return and line feed, which end an example there, separate tokens here, because a text in a CSV
cell may hold them; `:` and `|`, which are syntax there, are letters here.

Source: Vowpal Wabbit's `hashstring`, `uniform_hash` and n-gram rule; `tests/service/test_feature_hashing.py` compares
with the original.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import mmh3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Text: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.int64]
Hashes: TypeAlias = npt.NDArray[np.uint32]

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

SLICE_BYTES = 1 << 19
"""Text worked on at a time. What is made of it, 100 times as much at worst, is reused by the next: larger arrays
go back to the system each time, and getting their pages anew costs more than the work."""

LONGEST_SIDE_BY_SIDE = 64
"""Bytes of the longest token that is hashed together with all others, in one step over all of them for each 4 bytes."""

N_DIGITS = 10

_EMPTY, _SPACE = pa.scalar("", pa.large_string()), pa.scalar(" ", pa.large_string())

_PADDING = np.full(4, ord(" "), dtype=np.uint8)
"""So that 4 bytes can be read at the place of any token's end."""

_REST_MASKS = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF], dtype=np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ngrams:
    """The n-grams of the rows from `first_row` to before `end_row`, as found: none is merged with its like.

    Each is one number, its cell in a table of these rows: its row, counted from `first_row`, times the number of
    columns, plus its column.
    """

    first_row: int
    end_row: int
    cells: Places


def find_ngrams(texts: pa.StringArray, *, bits: int, ngrams: int, most_rows: int | None = None) -> Iterator[Ngrams]:
    """Hash the n-grams of each text, some rows at a time, in order; every row is in one of the slices.

    Args:
        texts: Shape (n_rows,), UTF-8; null counts as the empty text.
        bits: log2 of the number of columns, 1 to 31. A column is the low `bits` bits of the hash.
        ngrams: Longest sequence of tokens that is counted; the shorter ones are counted beside it.
        most_rows: Rows of a slice at most; without it only the amount of text bounds a slice.

    Raises:
        ValueError: `bits` or `ngrams` is out of range.
    """
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be 1 to {MAX_BITS}, not {bits!r}.")
    if ngrams < 1:
        raise ValueError(f"ngrams must be 1 or more, not {ngrams!r}.")
    return _find_ngrams(texts, bits, ngrams, most_rows or max(1, len(texts)))


def hash_features(texts: pa.StringArray, *, bits: int, ngrams: int) -> npt.NDArray[np.int32]:
    """Count hashed n-grams per text.

    Args:
        texts: As for `find_ngrams`.
        bits: As for `find_ngrams`.
        ngrams: As for `find_ngrams`.

    Returns:
        Shape (n_rows, 2**bits), int32 counts.

    Raises:
        ValueError: `bits` or `ngrams` is out of range.
    """
    slices = find_ngrams(texts, bits=bits, ngrams=ngrams)
    counts = np.zeros((len(texts), 1 << bits), dtype=np.int32)
    for found in slices:
        np.add.at(counts[found.first_row : found.end_row].reshape(-1), found.cells, np.int32(1))
    return counts


def hash_token(token: bytes) -> int:
    """Vowpal Wabbit's hash of one token: the value of a number, MurmurHash3 x86-32 with seed 0 of anything else."""
    token = token.strip(TRIMMED)
    if not token:
        return 0
    if token.isdigit():
        return int(token[-SIGNIFICANT_DIGITS:]) % (1 << 32)
    return mmh3.hash(token, seed=0, signed=False)


def _find_ngrams(texts: pa.StringArray, bits: int, ngrams: int, most_rows: int) -> Iterator[Ngrams]:
    for first_row, end_row in _row_slices(texts, most_rows):
        rows, hashes = _hash_tokens(texts.slice(first_row, end_row - first_row))
        yield Ngrams(first_row=first_row, end_row=end_row, cells=_ngram_cells(rows, hashes, bits, ngrams))


def _row_slices(texts: pa.StringArray, most_rows: int) -> Iterator[tuple[int, int]]:
    """First and end row of slices that hold a bounded amount of text and of rows, one row at least."""
    # Each row is counted as longer by one, so that the number of empty rows is bounded too.
    sizes_bytes = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False) + 1
    ends = np.cumsum(sizes_bytes, dtype=np.int64)
    first_row = done_bytes = 0
    while first_row < len(ends):
        full_row = int(np.searchsorted(ends, done_bytes + SLICE_BYTES, side="right"))
        end_row = min(max(first_row + 1, full_row), first_row + most_rows)
        yield first_row, end_row
        first_row, done_bytes = end_row, int(ends[end_row - 1])


def _hash_tokens(texts: pa.StringArray) -> tuple[Places, Hashes]:
    """Row and hash of every token, in reading order."""
    text, bounds = _separated(texts)
    starts, ends = _split_tokens(text)
    rows = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(starts, bounds)))
    hashes = _hash_side_by_side(text, starts, ends)
    first, last = text[starts], text[ends - 1]
    maybe_numbers = np.flatnonzero(_are_digits(first) & _are_digits(last))
    numbers, values = _read_numbers(text, starts[maybe_numbers], ends[maybe_numbers])
    hashes[maybe_numbers[numbers]] = values[numbers]
    odd = np.flatnonzero((np.minimum(first, last) <= TRIMMED[-1]) | (ends - starts > LONGEST_SIDE_BY_SIDE))
    hashes[odd] = _hash_one_by_one(text, starts[odd], ends[odd])
    return rows, hashes


def _separated(texts: pa.StringArray) -> tuple[Text, Places]:
    """The column's UTF-8 bytes, with a separator before each row and more at the end, and where rows begin and end."""
    filled = pc.fill_null(texts, "").cast(pa.large_string())
    separated = pc.binary_join_element_wise(_EMPTY, filled, _SPACE)
    _, bounds, text = separated.buffers()
    padded = np.concatenate([np.frombuffer(text or b"", dtype=np.uint8), _PADDING])
    return padded, np.frombuffer(bounds, dtype=np.int64)[: len(texts) + 1]


def _split_tokens(text: Text) -> tuple[Places, Places]:
    """Where each token begins and ends. Works on bytes: no byte of a longer UTF-8 character is ASCII."""
    inside = text != SEPARATORS[0]
    for separator in SEPARATORS[1:]:
        inside &= text != separator
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    return edges[::2], edges[1::2]


def _are_digits(characters: Text) -> npt.NDArray[np.bool_]:
    return characters - np.uint8(ord("0")) < N_DIGITS  # smaller ones wrap around


def _read_numbers(text: Text, starts: Places, ends: Places) -> tuple[npt.NDArray[np.bool_], Hashes]:
    """Which tokens are all digits, and their values modulo 2**32: one step over all of them for each place.

    Of tokens that are longer than `LONGEST_SIDE_BY_SIDE` only the beginning is read.
    """
    lengths = ends - starts
    numeric = np.ones(len(starts), dtype=np.bool_)
    values = np.zeros(len(starts), dtype=np.uint32)
    for place in range(min(int(lengths.max(initial=0)), LONGEST_SIDE_BY_SIDE)):
        # Behind its end a token's last byte is read again.
        digits = text[np.minimum(starts + place, ends - 1)] - np.uint8(ord("0"))
        numeric &= digits < N_DIGITS
        values = np.where(place < lengths, values * np.uint32(N_DIGITS) + digits, values)
    return numeric, values


def _hash_side_by_side(text: Text, starts: Places, ends: Places) -> Hashes:
    """MurmurHash3 x86-32 with seed 0 of the beginning of each token: one step over all of them for each 4 bytes."""
    words = np.ndarray(len(text) - 3, dtype="<u4", buffer=text, strides=(1,)).copy()  # the 4 bytes at each place
    lengths = np.minimum(ends - starts, LONGEST_SIDE_BY_SIDE).astype(np.uint8)
    # By length, so that the longer ones are always the end of the arrays; numbers of one byte are sorted fastest.
    order = np.argsort(lengths >> 2, kind="stable")
    places, lengths = starts[order], lengths[order]
    hashes = np.zeros(len(order), dtype=np.uint32)
    for n_shorter in np.searchsorted(lengths >> 2, np.arange(1, lengths.max(initial=0) // 4 + 1)):
        mixed = hashes[n_shorter:] ^ _scrambled(words[places[n_shorter:]])
        hashes[n_shorter:] = _rotated(mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)
        places[n_shorter:] += 4
    rest = words[places] & _REST_MASKS[lengths & 3]
    in_order = np.empty_like(hashes)
    in_order[order] = _finished(hashes ^ _scrambled(rest) ^ lengths)
    return in_order


def _scrambled(words: Hashes) -> Hashes:
    return _rotated(words * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _rotated(words: Hashes, n_bits: int) -> Hashes:
    return words << np.uint32(n_bits) | words >> np.uint32(32 - n_bits)


def _finished(hashes: Hashes) -> Hashes:
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    return hashes ^ hashes >> np.uint32(16)


def _hash_one_by_one(text: Text, starts: Places, ends: Places) -> Hashes:
    data = text.data
    tokens = [bytes(data[start:end]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    hashes = {token: hash_token(token) for token in set(tokens)}
    return np.fromiter(map(hashes.__getitem__, tokens), dtype=np.uint32, count=len(tokens))


def _ngram_cells(rows: Places, hashes: Hashes, bits: int, ngrams: int) -> Places:
    """Cells of the n-grams of orders 1 to `ngrams`; none reaches over the end of a row."""
    mask = np.uint32((1 << bits) - 1)
    row_cells = rows << bits
    grams = hashes
    cells = [row_cells + (grams & mask)]
    for order in range(2, min(ngrams, len(hashes)) + 1):
        grams = grams[:-1] * NGRAM_FACTOR + hashes[order - 1 :]
        inside = rows[: grams.size] == rows[order - 1 :]
        cells.append((row_cells[: grams.size] + (grams & mask))[inside])
    return np.concatenate(cells)

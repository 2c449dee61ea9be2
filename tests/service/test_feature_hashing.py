"""Feature Hashing against Vowpal Wabbit itself."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from service import feature_hashing
from service.feature_hashing import hash_features

BITS = 18
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"

TEXTS = [
    "This is a good day",
    "",
    "one",
    "  spaces   around\tand\ttabs  ",
    "12 0 007 4294967295 4294967296 4294967301 18446744073709551615 18446744073709551616",
    "1234567890123456789012345 " + "9" * 60 + " 1" + "0" * 31,
    "+5 -5 1.5 1e3 5a a5 ² ٣ \N{FULLWIDTH DIGIT ONE}2",
    "Ein Buch, das man gern zweimal liest, schön, größer, weiß",
    "Un été à Orléans, c'est très réussi",
    "とても 面白い 本でした　最高",
    f"great \N{GRINNING FACE} {FAMILY} \N{THUMBS UP SIGN}",
    "no\N{NO-BREAK SPACE}break vertical\vtab form\ffeed \x85 \x1c",
    "\x01 \v\f \v12 12\v a\v \va control\x00zero \x7f",
    "'quoted \"tokens\" #hash 1 'tag",
    "Case case CASE",
    " ".join("abcde"[n % 5] * n for n in range(1, 70)),
    " ".join("\N{EURO SIGN}" * n for n in range(1, 30)),
    "5/5 1a1 7-8-9 12\x01 \x0134 \x01 100% 2016.",
]


@contextmanager
def vowpal_wabbit(*, bits: int, ngrams: int) -> Iterator[Callable[[str], np.ndarray]]:
    """The original's counts of one text; the n-grams of order 1 need no option."""
    option = f"--ngram {ngrams}" if ngrams > 1 else ""
    workspace = Workspace(f"{option} -b {bits} --quiet --noconstant")
    mask = (1 << bits) - 1

    def count(text: str) -> np.ndarray:
        example = workspace.example("| " + text)
        spaces = range(example.num_namespaces())
        places = [example.feature(s, i) & mask for s in spaces for i in range(example.num_features_in(s))]
        workspace.finish_example(example)
        return np.bincount(np.array(places, dtype=np.int64), minlength=1 << bits)

    try:
        yield count
    finally:
        workspace.finish()


@pytest.fixture(scope="module")
def original() -> Iterator[Callable[[str], np.ndarray]]:
    with vowpal_wabbit(bits=BITS, ngrams=2) as count:
        yield count


def column(*texts: str | None) -> pa.StringArray:
    return pa.array(texts, type=pa.string())


def test_the_published_example_gives_the_published_row():
    counts = hash_features(column("This is a good day"), bits=3, ngrams=2)

    assert counts.dtype == np.int32
    assert counts.tolist() == [[1, 1, 2, 2, 0, 2, 0, 1]]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_counts_as_in_vowpal_wabbit(text: str, original: Callable[[str], np.ndarray]):
    np.testing.assert_array_equal(hash_features(column(text), bits=BITS, ngrams=2)[0], original(text))


@pytest.mark.parametrize(("bits", "ngrams"), [(1, 1), (3, 2), (10, 3), (20, 5)])
def test_any_size_and_order_counts_as_in_vowpal_wabbit(bits: int, ngrams: int):
    counts = hash_features(column(*TEXTS), bits=bits, ngrams=ngrams)

    with vowpal_wabbit(bits=bits, ngrams=ngrams) as count:
        np.testing.assert_array_equal(counts, [count(text) for text in TEXTS])


@settings(max_examples=300)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters=":|\r\n") | st.sampled_from(" \t07a"), max_size=40),
        max_size=6,
    )
)
def test_any_text_counts_as_in_vowpal_wabbit(original: Callable[[str], np.ndarray], texts: list[str]):
    counts = hash_features(column(*texts), bits=BITS, ngrams=2)

    assert counts.shape == (len(texts), 1 << BITS)
    for row, text in zip(counts, texts, strict=True):
        np.testing.assert_array_equal(row, original(text))


def test_a_row_of_a_hundred_thousand_words_counts_as_in_vowpal_wabbit(original: Callable[[str], np.ndarray]):
    text = " ".join(f"word{i % 997} {i}" for i in range(50_000))

    np.testing.assert_array_equal(hash_features(column("a", text, "b"), bits=BITS, ngrams=2)[1], original(text))


def test_colon_and_bar_are_letters_hashed_as_vowpal_wabbit_hashes_names():
    tokens = ["http://a.b/c?d=1|2", "|", ":", "3:4", "a|b"]
    workspace = Workspace("-b 31 --quiet --noconstant --sparse_weights")
    hashes = [workspace.hash_feature(token, 0) for token in tokens]
    workspace.finish()
    bigrams = [first * 27942141 + second for first, second in pairwise(hashes)]

    counts = hash_features(column(" ".join(tokens)), bits=BITS, ngrams=2)

    places = [value % (1 << BITS) for value in hashes + bigrams]
    np.testing.assert_array_equal(counts[0], np.bincount(places, minlength=1 << BITS))


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\t", " \n "])
def test_line_ends_in_a_text_separate_tokens(separator: str):
    counts = hash_features(column(f"good{separator}day", "good day"), bits=BITS, ngrams=2)

    assert counts[0].sum() == 3
    np.testing.assert_array_equal(counts[0], counts[1])


def test_null_counts_as_the_empty_text():
    assert hash_features(column(None, "", "a", None), bits=4, ngrams=2).sum(axis=1).tolist() == [0, 0, 1, 0]


def test_a_column_without_rows_gives_no_rows():
    assert hash_features(column(), bits=5, ngrams=2).shape == (0, 32)


def test_no_ngram_reaches_over_the_end_of_a_row():
    counts = hash_features(column("a", "", "b", "a b"), bits=BITS, ngrams=9)

    assert counts.sum(axis=1).tolist() == [1, 0, 1, 3]


def test_a_part_of_a_column_counts_like_that_part_alone():
    texts = column(*TEXTS, None, *TEXTS)

    part = hash_features(texts.slice(3, 15), bits=10, ngrams=3)

    np.testing.assert_array_equal(part, hash_features(column(*texts.slice(3, 15).to_pylist()), bits=10, ngrams=3))


@pytest.mark.parametrize("slice_bytes", [1, 50, 500])
def test_slices_count_like_the_whole_column(monkeypatch: pytest.MonkeyPatch, slice_bytes: int):
    texts = column(*TEXTS, None, *TEXTS, "")
    whole = hash_features(texts, bits=10, ngrams=3)

    monkeypatch.setattr(feature_hashing, "SLICE_BYTES", slice_bytes)

    assert whole.sum() > 0
    np.testing.assert_array_equal(hash_features(texts, bits=10, ngrams=3), whole)


def test_memory_beside_the_result_does_not_grow_with_the_column():
    texts = pa.chunked_array([column("a b " * 100)] * 100_000).combine_chunks()
    tracemalloc.start()
    try:
        counts = hash_features(texts, bits=3, ngrams=2)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert texts.nbytes > 40_000_000
    assert counts.sum() == 100_000 * 399
    assert peak_bytes - counts.nbytes < 60_000_000


@pytest.mark.parametrize("bits", [-1, 0, 32])
def test_bits_out_of_range_are_refused(bits: int):
    with pytest.raises(ValueError, match=f"bits must be 1 to 31, not {bits}"):
        hash_features(column("a"), bits=bits, ngrams=2)


@pytest.mark.parametrize("ngrams", [-1, 0])
def test_ngrams_below_one_are_refused(ngrams: int):
    with pytest.raises(ValueError, match=f"ngrams must be 1 or more, not {ngrams}"):
        hash_features(column("a"), bits=3, ngrams=ngrams)

"""What Feature Hashing costs beside Vowpal Wabbit's own parser and beside scikit-learn's HashingVectorizer.

    python -m benchmarks.hashing [--megabytes 8] [--repeats 5]

All three make sparse n-grams of the same texts, in turn, in one process that is held to one core; ours is measured once
more with the CSV of the web service's answer, which neither of the others writes. Writes the section "Feature Hashing"
of `benchmarks/RESULTS.md`.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from sklearn.feature_extraction.text import HashingVectorizer
from vowpalwabbit import Workspace

from benchmarks.results import machine, write_section
from benchmarks.reviews import write_reviews
from service.declaration import FeatureHashing
from service.feature_hashing import find_ngrams
from service.models import FeatureHashingModel

MEGABYTE = 1_000_000
_VOCABULARY_SIZE = 50_000
_WORDS_A_TEXT = 80
# Bits and n-grams.
_SIZES = [(3, 1), (3, 2), (10, 1), (10, 2), (15, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The same texts in the form that each way takes: a column, a list, and a file of examples."""

    kind: str
    column: pa.StringArray
    listed: list[str]
    examples: Path
    size_bytes: int


@dataclass(slots=True, kw_only=True)
class Measured:
    """One pass over the texts."""

    cpu_seconds: float = 0.0
    n_ngrams: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table: median CPU milliseconds for a megabyte, by way."""

    kind: str
    size_bytes: int
    bits: int
    ngrams: int
    milliseconds: dict[str, float]


def book_reviews(folder: Path, n_bytes: int) -> list[str]:
    """Reviews as the other benchmarks have them; they share few words. A line feed would end an example."""
    path = folder / "reviews.csv"
    write_reviews(path, n_bytes)
    table = pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True))
    return [" ".join(text.split()) for text in table["review"].to_pylist()]


def many_words(_folder: Path, n_bytes: int) -> list[str]:
    """Texts of a large vocabulary, as often as natural languages use their words (Zipf's law)."""
    choose = np.random.default_rng(7)
    letters = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", dtype="S1")
    words = [choose.choice(letters, size=size).tobytes().decode() for size in choose.integers(2, 10, _VOCABULARY_SIZE)]
    shares = 1 / np.arange(1, _VOCABULARY_SIZE + 1)
    n_texts = n_bytes // (5 * _WORDS_A_TEXT)
    chosen = choose.choice(_VOCABULARY_SIZE, size=(n_texts, _WORDS_A_TEXT), p=shares / shares.sum())
    return [" ".join(words[index] for index in row) for row in chosen.tolist()]


KINDS: dict[str, Callable[[Path, int], list[str]]] = {
    "book reviews": book_reviews,
    "50,000 different words": many_words,
}


def make_texts(kind: str, folder: Path, n_bytes: int) -> Texts:
    """Texts of about so many bytes."""
    made = KINDS[kind](folder, n_bytes)
    ends = accumulate(len(text.encode()) for text in made)
    listed = [text for text, end in zip(made, ends, strict=True) if end <= n_bytes]
    examples = folder / "examples.txt"
    examples.write_text("".join(f"| {text}\n" for text in listed), encoding="utf-8")
    column = pa.array(listed)
    return Texts(
        kind=kind, column=column, listed=listed, examples=examples, size_bytes=pc.sum(pc.binary_length(column)).as_py()
    )


def ours(texts: Texts, bits: int, ngrams: int) -> Measured:
    """Row and column of each n-gram."""
    measured = Measured()
    began = time.process_time()
    for found in find_ngrams(texts.column, bits=bits, ngrams=ngrams):
        measured.n_ngrams += len(found.cells)
    measured.cpu_seconds = time.process_time() - began
    return measured


def as_csv(texts: Texts, bits: int, ngrams: int) -> Measured:
    """The web service's answer: a row of counts for each text, zeros and all, as CSV."""
    declaration = FeatureHashing(type="feature_hashing", column="text", bits=bits, ngrams=ngrams)
    model = FeatureHashingModel(declaration, {})
    batch = pa.record_batch([texts.column], names=["text"])
    began = time.process_time()
    for _ in model.csv_in_slices(batch, ","):
        pass
    return Measured(cpu_seconds=time.process_time() - began)


def vowpal_wabbit(texts: Texts, bits: int, ngrams: int) -> Measured:
    """Its C++ parser over the file, with a learner that does nothing, less what it takes over an empty file."""
    option = f" --ngram {ngrams}" if ngrams > 1 else ""
    seconds = []
    for path in (os.devnull, texts.examples):
        began = time.process_time()
        workspace = Workspace(f"--noop --noconstant -b {bits}{option} -d {path}", enable_logging=True)
        workspace.finish()
        seconds.append(time.process_time() - began)
    (told,) = (line for line in workspace.get_log() if line.startswith("total feature number"))
    return Measured(cpu_seconds=seconds[1] - seconds[0], n_ngrams=int(told.rpartition("=")[2]))


def scikit_learn(texts: Texts, bits: int, ngrams: int) -> Measured:
    """Sparse counts; its fastest way to split at spaces. Its hash is another one."""
    vectorizer = HashingVectorizer(
        n_features=1 << bits,
        ngram_range=(1, ngrams),
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        norm=None,
        alternate_sign=False,
        dtype=np.int32,
    )
    began = time.process_time()
    counts = vectorizer.transform(texts.listed)
    return Measured(cpu_seconds=time.process_time() - began, n_ngrams=int(counts.sum()))


WAYS: dict[str, Callable[[Texts, int, int], Measured]] = {
    "ours": ours,
    "as CSV": as_csv,
    "Vowpal Wabbit": vowpal_wabbit,
    "scikit-learn": scikit_learn,
}


def measure(texts: Texts, bits: int, ngrams: int, repeats: int) -> Case:
    """The median of each way, all ways in turn. One round before does not count.

    Raises:
        RuntimeError: They do not find the same number of n-grams.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in WAYS}
    for number in range(1 + repeats):
        for name, way in WAYS.items():
            measured = way(texts, bits, ngrams)
            if number:
                runs[name].append(measured)
    found = {name: {measured.n_ngrams for measured in of} for name, of in runs.items() if name != "as CSV"}
    if len(set.union(*found.values())) != 1:
        raise RuntimeError(f"The numbers of n-grams differ: {found}.")
    megabytes = texts.size_bytes / MEGABYTE
    seconds = {name: statistics.median(measured.cpu_seconds for measured in of) for name, of in runs.items()}
    milliseconds = {name: 1000 * spent / megabytes for name, spent in seconds.items()}
    return Case(kind=texts.kind, size_bytes=texts.size_bytes, bits=bits, ngrams=ngrams, milliseconds=milliseconds)


def section(cases: list[Case], repeats: int) -> str:
    """The text for `RESULTS.md`."""
    lines = [
        "## Feature Hashing",
        "",
        f"`python -m benchmarks.hashing` on {machine()}, held to one core. CPU milliseconds",
        f"for a megabyte of text, median of {repeats}, all in turn. All three make sparse n-grams and find the same",
        "number of them. Ours is row and column of each, from a column in memory. Vowpal Wabbit is its C++ parser over",
        "a file, through `vowpalwabbit.Workspace` with `--noop`, less its start: place and value of each, not kept.",
        "scikit-learn is `HashingVectorizer` with `str.split` on a list of `str`: a sparse matrix, like ones merged.",
        "The tests show that our counts are those of Vowpal Wabbit; scikit-learn has another hash. A ratio above 1",
        "means that ours is faster. `ours as CSV` is the web service's answer, hashed and written, with all its zeros;",
        "neither of the others writes anything, so that it has no ratio.",
        "",
        "| text | MB | bits | n-grams up to | ours | Vowpal Wabbit | ratio | scikit-learn | ratio | ours as CSV |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *map(_row, cases),
        "",
    ]
    return "\n".join(lines)


def _row(case: Case) -> str:
    base, written, *peers = (case.milliseconds[name] for name in WAYS)
    compared = " | ".join(f"{peer:.1f} | {peer / base:.1f}" for peer in peers)
    megabytes = case.size_bytes / MEGABYTE
    return f"| {case.kind} | {megabytes:.1f} | {case.bits} | {case.ngrams} | {base:.1f} | {compared} | {written:.1f} |"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[1, 5], help="size of the texts")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cases = []
    for kind, megabytes in product(KINDS, arguments.megabytes):
        with tempfile.TemporaryDirectory() as folder:
            texts = make_texts(kind, Path(folder), megabytes * MEGABYTE)
            cases += [measure(texts, bits, ngrams, arguments.repeats) for bits, ngrams in _SIZES]
    text = section(cases, arguments.repeats)
    write_section(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()

"""The profile of a run's output columns: what pandas says of them, however the file is cut, in flat memory."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.contract.reading import cutting
from scoring.output_profile import OutputProfile, profile_predictions
from tests.scoring.accepting import write_csv


def write(path: Any, columns: dict[str, Sequence[Any]]) -> Any:
    """A predictions file with a key and these columns."""
    texts = {name: ["" if cell is None else str(cell) for cell in cells] for name, cells in columns.items()}
    n_rows = len(next(iter(texts.values())))
    rows = zip([f"R{row}" for row in range(n_rows)], *texts.values(), strict=True)
    return write_csv(path, [["key", *texts], *[list(row) for row in rows]])


def profiled(path: Any, columns: dict[str, Sequence[Any]], last: OutputProfile | None = None) -> Any:
    return profile_predictions(write(path, columns), n_kept=1, last=last)


def one(path: Any, cells: Sequence[Any]) -> Any:
    (column,) = profiled(path / "predictions.csv", {"score": cells}).own.columns
    return column


@pytest.fixture
def mixed() -> dict[str, Sequence[Any]]:
    random = np.random.default_rng(7)
    scores = random.normal(3, 2, 30_000)
    return {
        "score": [None if row % 17 == 0 else ("NaN" if row % 19 == 0 else score) for row, score in enumerate(scores)],
        "label": random.integers(0, 2, 30_000).tolist(),
        "word": random.choice(["good", "bad", 'a "quoted",\nword'], 30_000).tolist(),
    }


def test_a_profile_is_what_pandas_says_of_the_columns(mixed: Any, tmp_path: Any):
    path = write(tmp_path / "predictions.csv", mixed)
    oracle = pd.read_csv(path, keep_default_na=False, na_values={"score": ["", "NaN"]}, dtype={"word": str})

    score, label, word = profile_predictions(path, n_kept=1).own.columns

    for column in (score, label):
        values = oracle[column.name]
        assert (column.is_numeric, column.n_rows, column.n_null) == (True, 30_000, values.isna().sum())
        assert (column.minimum, column.maximum) == (values.min(), values.max())
        assert (column.mean, column.standard_deviation) == pytest.approx((values.mean(), values.std()), rel=1e-12)
        bounds = [-math.inf, *column.edges, math.inf]
        bins = [((values > low) & (values <= high)).sum() for low, high in pairwise(bounds)]
        assert list(column.counts) == bins
        assert sum(column.counts) == values.notna().sum()
    assert (word.name, word.is_numeric, word.n_null, word.edges, word.counts) == ("word", False, 0, (), ())


def test_edges_cut_the_values_into_parts_of_about_the_same_size(mixed: Any, tmp_path: Any):
    score, label, _ = profiled(tmp_path / "predictions.csv", mixed).own.columns
    below, *counts, beyond = score.counts
    assert (below, beyond, len(counts)) == (0, 0, 10)
    assert all(count == pytest.approx(score.n_rows / 10, rel=0.2) for count in counts)
    # Few values have a bin each, and what is below or beyond all of them has one as well.
    assert [edge >= 0 for edge in label.edges] == [False, True, True]
    assert label.edges[1:] == (0, 1)


def test_a_profile_does_not_depend_on_how_the_file_is_cut(mixed: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "predictions.csv", mixed)
    whole = profile_predictions(path, n_kept=1).own
    monkeypatch.setattr(cutting, "CHUNK_LINES", 997)
    cut = profile_predictions(path, n_kept=1).own
    for before, after in zip(whole.columns, cut.columns, strict=True):
        moments = ("mean", "standard_deviation")
        assert after.model_dump(exclude={*moments}) == before.model_dump(exclude={*moments})
        assert [getattr(after, name) for name in moments] == pytest.approx([getattr(before, name) for name in moments])

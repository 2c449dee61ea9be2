"""The profile of a run's output columns: what pandas says of them, however the file is cut, in flat memory."""

import math
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.contract.reading import cutting
from scoring.output_profile import MAX_COLUMNS, OutputProfile, profile_predictions
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


def test_numbers_are_counted_between_the_edges_of_the_last_good_run_and_between_their_own(mixed: Any, tmp_path: Any):
    before = profiled(tmp_path / "before.csv", mixed).own
    moved = {**mixed, "score": [None if cell is None else float(cell) + 100 for cell in mixed["score"]]}
    now = profiled(tmp_path / "now.csv", moved, before)
    assert [column.edges for column in now.compared.columns] == [column.edges for column in before.columns]
    score = now.compared.columns[0]
    assert score.counts == (*[0] * len(score.edges), score.n_rows - score.n_null)
    # What was let through does not blind the run after it.
    again = profiled(tmp_path / "now.csv", moved, now.own)
    assert again.compared == now.own
    assert now.own.columns[0].minimum > 90


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param([""] * 3, (False, 3, False, None, None, ()), id="nothing at all"),
        pytest.param(["NaN"] * 3, (False, 3, False, None, None, ()), id="no number at all"),
        pytest.param(["5"], (True, 0, True, 5, 5, (0, 1, 0)), id="a single row"),
        pytest.param(["5", "", "5.0"], (True, 1, True, 5, 5, (0, 2, 0)), id="a single number"),
        pytest.param(["yes", "", "yes"], (False, 1, True, None, None, ()), id="a single text"),
        pytest.param(["1", "2", "three"], (False, 0, False, None, None, ()), id="a text among numbers"),
        pytest.param(["NaN", "x"], (False, 0, False, None, None, ()), id="text that looks like no number"),
        pytest.param(["1e308", "-1e308", "1e308"], (True, 0, False, -1e308, 1e308, (0, 1, 2, 0)), id="huge"),
        pytest.param(["1", "inf", "inf"], (True, 0, False, None, None, None), id="infinite"),
    ],
)
def test_odd_columns_have_a_profile(tmp_path: Any, cells: list[str], expected: tuple[Any, ...]):
    column = one(tmp_path, cells)
    assert OutputProfile.model_validate_json(OutputProfile(columns=(column,)).model_dump_json()).columns == (column,)
    is_numeric, n_null, is_constant, minimum, maximum, counts = expected
    assert (column.is_numeric, column.n_null, column.is_constant) == (is_numeric, n_null, is_constant)
    if counts is not None:
        assert (column.minimum, column.maximum, column.counts) == (minimum, maximum, counts)
    else:
        assert sum(column.counts) == len(cells)


def test_of_very_many_columns_the_first_and_the_last_ones_are_looked_at(tmp_path: Any):
    path = write(tmp_path / "predictions.csv", {f"f{place}": ["1", "2"] for place in range(MAX_COLUMNS + 7)})
    profile = profile_predictions(path, n_kept=1).own
    names = [column.name for column in profile.columns]
    assert (len(names), profile.n_columns_left_out) == (MAX_COLUMNS, 7)
    assert (names[0], names[99], names[100], names[-1]) == ("f0", "f99", "f107", "f206")


def test_columns_without_a_name_of_their_own_are_told_apart(tmp_path: Any):
    path = write_csv(tmp_path / "predictions.csv", [["key", "a", "", "a"], ["R1", "1", "2", "3"]])
    assert [column.name for column in profile_predictions(path, n_kept=1).own.columns] == ["a", " (1)", "a (2)"]


def test_memory_does_not_grow_with_the_rows(tmp_path: Any):
    def peak(n_rows: int) -> int:
        path = tmp_path / f"{n_rows}.csv"
        with path.open("w") as file:
            file.write("key,score,word\n")
            file.writelines(f"R{row},{row * 0.37 % 11},word {row % 9}\n" for row in range(n_rows))
        tracemalloc.start()
        profile_predictions(path, n_kept=1)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    # A chunk is 4 MB at most, which the smaller file does not fill.
    assert peak(400_000) < 1.6 * peak(100_000)

from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scoring.contract.rules import uniqueness
from scoring.contract.rules.uniqueness import Duplicates, KeySpill


@pytest.fixture(params=["in memory", "on disk"])
def spill(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeySpill:
    """A spill that takes its keys to files from the hundredth on, and one that does not."""
    if request.param == "on disk":
        monkeypatch.setattr(uniqueness, "MAX_PAIRS_IN_MEMORY", 100)
    return KeySpill(tmp_path / "spill")


def finished(spill: KeySpill, keys: npt.NDArray[np.uint64], rows_a_block: int = 70) -> Duplicates:
    for first in range(0, keys.size, rows_a_block):
        part = keys[first : first + rows_a_block]
        spill.add(part, np.arange(first, first + part.size))
    return spill.finish(is_exact=True)


def by_key(keys: npt.NDArray[np.uint64]) -> dict[int, list[int]]:
    rows = defaultdict(list)
    for row, key in enumerate(keys.tolist()):
        rows[key].append(row)
    return rows


@pytest.mark.parametrize("n_keys", [1, 2, 300, 10**12])
def test_every_copy_of_a_key_is_found_and_nothing_else(spill: KeySpill, n_keys: int):
    keys = np.random.default_rng(1).integers(0, n_keys, 1000).astype(np.uint64)

    found = finished(spill, keys)

    repeated = {key: rows for key, rows in by_key(keys).items() if len(rows) > 1}
    assert found.ordinals.tolist() == sorted(row for rows in repeated.values() for row in rows)
    assert by_key(found.group.view(np.uint64)).keys() == repeated.keys()
    assert (found.group.view(np.uint64) == keys[found.ordinals]).all()
    assert found.n_distinct == len(set(keys.tolist()))
    assert found.is_exact


def test_keys_of_no_rows_have_no_copies(spill: KeySpill):
    spill.add(np.empty(0, np.uint64), np.empty(0, np.int64))

    found = spill.finish(is_exact=False)

    assert (found.ordinals.tolist(), found.group.tolist(), found.n_distinct, found.is_exact) == ([], [], 0, False)


def test_rows_that_are_left_out_keep_the_places_of_the_others(spill: KeySpill):
    spill.add(np.array([5, 6], np.uint64), np.array([10, 20]))
    spill.add(np.array([5], np.uint64), np.array([1000]))

    assert spill.finish(is_exact=True).ordinals.tolist() == [10, 1000]


def test_up_to_a_million_keys_need_no_file(tmp_path: Path):
    spill = KeySpill(tmp_path / "spill")
    finished(spill, np.arange(1_000_000, dtype=np.uint64), rows_a_block=100_000)

    assert list(tmp_path.iterdir()) == []


def test_what_is_found_beyond_a_million_rows_is_in_order(tmp_path: Path):
    keys = np.concatenate([np.arange(1_500_000), np.arange(1_200_000), np.full(300_000, 2**40)]).astype(np.uint64)

    found = finished(KeySpill(tmp_path / "spill"), keys, rows_a_block=250_000)

    assert found.n_distinct == 1_500_001
    assert np.array_equal(
        found.ordinals,
        np.concatenate([np.arange(1_200_000), np.arange(1_500_000, 3_000_000)]),
    )
    assert np.array_equal(found.group, keys[found.ordinals].view(np.int64))
    assert sorted(path.name for path in (tmp_path / "spill").iterdir()) == ["found_keys", "ordinals"]

import pyarrow as pa
import pytest

from scoring.contract.rules import value_counts
from scoring.contract.rules.value_counts import ValueCounts, counted_values


def test_blocks_are_counted_together():
    counts = ValueCounts()
    counts.add(counted_values(pa.array(["a", "b", None, "a"])))
    counts.add(counted_values(pa.array(["b", "c"])))

    assert counts.counts == {"a": 2, "b": 2, "c": 1}
    assert not counts.is_full


@pytest.mark.parametrize("limit", ["MAX_DISTINCT_VALUES", "MAX_DISTINCT_CHARACTERS"])
def test_with_too_many_values_none_is_kept(monkeypatch: pytest.MonkeyPatch, limit: str):
    monkeypatch.setattr(value_counts, limit, 3)
    counts = ValueCounts()

    counts.add(counted_values(pa.array(["one", "one"])))
    assert not counts.is_full
    counts.add(counted_values(pa.array(["two", "three", "four"])))
    counts.add(counted_values(pa.array(["one"])))

    assert (counts.is_full, counts.counts) == (True, {})

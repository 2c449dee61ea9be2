"""How often each distinct value of a column occurs, for columns that have few of them."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

Value = str | int | float

MAX_DISTINCT_VALUES: Final = 100_000
# Of their texts, so that pages of text that all differ do not fill the memory first.
MAX_DISTINCT_CHARACTERS: Final = 32 * 1024 * 1024


class ValueCounts:
    """Counts values until there are too many distinct ones; then it only knows that."""

    def __init__(self) -> None:
        self.counts: dict[Value, int] = {}
        self.is_full = False
        self._n_characters = 0

    def add(self, counted: pa.StructArray) -> None:
        """Take up what `counted_values` found in a block."""
        if self.is_full:
            return
        for value, count in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
            known = self.counts.get(value)
            if known is None and isinstance(value, str):
                self._n_characters += len(value)
            self.counts[value] = (known or 0) + count
        if len(self.counts) > MAX_DISTINCT_VALUES or self._n_characters > MAX_DISTINCT_CHARACTERS:
            self.counts, self.is_full = {}, True


def counted_values(values: pa.Array) -> pa.StructArray:
    """Count the distinct values of a block; null is none."""
    return pc.value_counts(values.drop_null())

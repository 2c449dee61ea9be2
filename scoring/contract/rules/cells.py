"""The cells of one block of rows, as text and as the types that the contract declares."""

import pyarrow as pa
import pyarrow.compute as pc

from scoring.contract.rules.casting import TypedColumn, typed
from scoring.contract.rules.column_types import ColumnType, ColumnTypes


class Cells:
    """A block's cells. Each column is read once, when the first rule asks for it; used by one thread.

    Args:
        text: The block: one string column per declared column, null where a cell is empty.
        types: The declared columns.
    """

    def __init__(self, text: pa.RecordBatch, types: ColumnTypes) -> None:
        self.n_rows: int = text.num_rows
        self._text = text
        self._types = types
        self._typed: dict[str, TypedColumn] = {}

    def text(self, column: str) -> pa.StringArray:
        """Return the cells as they stand in the file. Shape (n_rows,), null where a cell is empty."""
        return self._text.column(column)

    def type_of(self, column: str) -> ColumnType:
        """Return the declared type."""
        return self._types[column]

    def typed(self, column: str) -> pa.Array:
        """Return the cells as values.

        Returns:
            Shape (n_rows,): int64 for `integer`, float64 for `float`, string otherwise; null where a cell is empty or
            not of the declared type.
        """
        return self._read(column).values

    def not_of_type(self, column: str) -> pa.BooleanArray | None:
        """Return True for each cell that is neither empty nor of the declared type; None where there is none."""
        return self._read(column).not_of_type

    def empty(self, column: str) -> pa.BooleanArray | None:
        """Return True for each empty cell; None where there is none."""
        text = self.text(column)
        return pc.is_null(text) if text.null_count else None

    def _read(self, column: str) -> TypedColumn:
        if column not in self._typed:
            self._typed[column] = typed(self.text(column), self._types[column])
        return self._typed[column]

"""What a pass has counted over all files: how many rows break which rule, with examples, and figures of columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.contract.rules.column_types import ColumnTypes
from scoring.contract.rules.figures import ColumnFigures
from scoring.contract.rules.judging import Judgement, measures_of
from scoring.contract.rules.row_keys import are_exact
from scoring.contract.rules.rules import Rule
from scoring.contract.rules.uniqueness import Duplicates, KeySpill

# More than a page shows or anyone reads; all rows are in the quarantine.
MAX_EXAMPLES: Final = 20

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row that breaks a rule.

    Args:
        values: Its cells in the rule's columns, as they stand in the file; None where one is empty.
        file: Name of the row's file.
        record: Number of the record in its file, 1 for the first one below the header.
        line: Physical line of the file on which the record begins, 1-based.
    """

    values: tuple[str | None, ...]
    file: str
    record: int
    line: int


@dataclass(slots=True, kw_only=True)
class RuleTally:
    """How a rule fares.

    Args:
        n_judged: Rows that it judges; those in which its column is empty, or that it ignores, are not among them.
        n_broken: Rows that break it.
        examples: The first of these in the order of the input, at most MAX_EXAMPLES.
    """

    n_judged: int = 0
    n_broken: int = 0
    examples: list[Example] = field(default_factory=list)


class Profile:
    """What is counted so far; used by one thread. A pickled one has no keys: it answers, and takes up nothing.

    Args:
        columns: Of the contract.
        rules: Of the contract.
        spill_dir: For keys that do not fit into memory; must stay until the last question is asked, and is for the
            caller to remove.
    """

    def __init__(self, columns: ColumnTypes, rules: Sequence[Rule], *, spill_dir: Path) -> None:
        self.columns = columns
        self.n_rows = 0
        """Readable records."""
        self.n_unreadable = 0
        """Records that are refused for their structure."""
        self.n_empty = dict.fromkeys(columns, 0)
        """By column, the number of empty cells."""
        self._tallies = {rule.index: RuleTally() for rule in rules if rule.is_about_rows}
        self._spills = {rule.index: KeySpill(spill_dir / f"rule_{rule.index}") for rule in rules if rule.needs_keys}
        self._duplicates: dict[int, Duplicates] = {}
        # The first that asks answers for all others of its column.
        self._counting = {rule.columns[0]: rule for rule in reversed(rules) if "distinct" in rule.measures}
        self._n_distinct: dict[str, int] = {}
        self._figures = {
            column: ColumnFigures(column, measures, partial(self._count_distinct, column))
            for column, measures in measures_of(rules).items()
        }

    def add(
        self,
        judgement: Judgement,
        text: pa.RecordBatch,
        *,
        file: str,
        record: npt.NDArray[np.int64],
        line: Callable[[], npt.NDArray[np.int64]],
    ) -> None:
        """Take up a block, in the order of the input.

        Args:
            judgement: What the rules say of it.
            text: The block itself.
            file: Name of its file.
            record: Shape (n_rows,): the number of each record in its file.
            line: Returns the physical lines on which the records begin, shape (n_rows,); called at most once, and only
                for an example.
        """
        for index, n_judged in judgement.n_judged.items():
            self._tallies[index].n_judged += n_judged
        for column, n_empty in judgement.n_empty.items():
            self.n_empty[column] += n_empty
        for column, figures in judgement.figures.items():
            self._figures[column].add(figures)
        for index, keys in judgement.keys.items():
            self._spills[index].add(keys.keys, keys.rows + self.n_rows)
        self.n_rows += judgement.n_rows
        self._add_broken(judgement, text, file, record, line)

    def _add_broken(
        self, judgement: Judgement, text: pa.RecordBatch, file: str, record: _Numbers, line: Callable[[], _Numbers]
    ) -> None:
        lines: _Numbers | None = None
        for rule, rows in judgement.broken:
            tally = self._tallies[rule.index]
            tally.n_broken += len(rows)
            shown = rows[: MAX_EXAMPLES - len(tally.examples)]
            if shown.size:
                lines = line() if lines is None else lines
                places = zip(record[shown].tolist(), lines[shown].tolist(), strict=True)
                values = zip(*(_cells(text, column, shown) for column in rule.columns), strict=True)
                tally.examples += [
                    Example(values=cells, file=file, record=record, line=line)
                    for cells, (record, line) in zip(values, places, strict=True)
                ]

    def tally(self, rule: Rule) -> RuleTally:
        """Return how a rule about rows fares; one of uniqueness only after `add_duplicates`."""
        return self._tallies[rule.index]

    def figures(self, column: str) -> ColumnFigures:
        """Return the figures of a column.

        Raises:
            LookupError: No rule asks for any.
        """
        if column not in self._figures:
            raise LookupError(f"no rule asks for figures of column {column!r}")
        return self._figures[column]

    def duplicates(self, rule: Rule) -> Duplicates:
        """Return the rows that have the key of another row, by a rule that needs keys; no block can be added after."""
        if rule.index not in self._duplicates:
            is_exact = are_exact(rule.columns, self.columns)
            self._duplicates[rule.index] = self._spills[rule.index].finish(is_exact=is_exact)
        return self._duplicates[rule.index]

    def add_duplicates(self, rule: Rule, n_broken: int, examples: Sequence[Example]) -> None:
        """Take up what breaks a rule of uniqueness.

        Args:
            rule: The rule.
            n_broken: Rows whose values stand in another row, too.
            examples: The first of them in the order of the input.
        """
        tally = self._tallies[rule.index]
        tally.n_broken, tally.examples = n_broken, list(examples[:MAX_EXAMPLES])

    def _count_distinct(self, column: str) -> int:
        if column not in self._n_distinct:
            self._n_distinct[column] = self.duplicates(self._counting[column]).n_distinct
        return self._n_distinct[column]

    def __getstate__(self) -> dict[str, Any]:
        # A copy for another process goes without the keys, which may be many, and the rules, which hold functions.
        n_distinct = {column: self._count_distinct(column) for column in self._counting}
        return self.__dict__ | {"_spills": {}, "_duplicates": {}, "_counting": {}, "_n_distinct": n_distinct}


def _cells(text: pa.RecordBatch, column: str, rows: _Numbers) -> list[str | None]:
    cells: list[str | None] = text.column(column).take(pa.array(rows)).to_pylist()
    return cells

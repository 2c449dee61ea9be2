"""One block of rows against all rules of a contract."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.contract.rules.catalogue import Measure
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.column_types import ColumnTypes
from scoring.contract.rules.figures import BlockFigures, measure
from scoring.contract.rules.masks import Mask, any_of, count, positions
from scoring.contract.rules.row_keys import Keys, row_keys
from scoring.contract.rules.rules import Rule
from scoring.contract.rules.several_columns import any_not_of_type

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockKeys:
    """The keys of a block's rows, without those that a rule leaves out or that hold a wrongly typed cell.

    Args:
        keys: Shape (n,), uint64.
        rows: Shape (n,): their positions in the block, ascending.
    """

    keys: Keys
    rows: Positions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What the rules say of one block.

    Args:
        n_rows: Number of rows.
        n_judged: By the index of a rule about rows, the number of rows that it judges: all but those it leaves out.
        broken: Each rule that some row breaks, with the positions of these rows in the block, ascending; not those of
            uniqueness.
        n_empty: By column, the number of empty cells.
        figures: By column, what rules about whole columns ask for.
        keys: By the index of a rule that asks how often values occur, the rows' keys in its columns.
    """

    n_rows: int
    n_judged: Mapping[int, int]
    broken: tuple[tuple[Rule, Positions], ...]
    n_empty: Mapping[str, int]
    figures: Mapping[str, BlockFigures]
    keys: Mapping[int, BlockKeys]


def judge(rules: Sequence[Rule], types: ColumnTypes, text: pa.RecordBatch) -> Judgement:
    """Judge a block. Works on whole columns outside of Python's lock, so that threads may judge side by side.

    Args:
        rules: Of the contract.
        types: Its columns.
        text: One string column per column of the contract; null where a cell is empty.
    """
    cells = Cells(text, types)
    return Judgement(
        n_rows=cells.n_rows,
        n_judged={rule.index: cells.n_rows - count(rule.ignored(cells)) for rule in rules if rule.ignored},
        broken=tuple(_broken(rules, cells)),
        n_empty={column: text.column(column).null_count for column in types},
        figures={column: measure(cells.typed(column), asked) for column, asked in measures_of(rules).items()},
        keys={rule.index: _keys(rule, cells) for rule in rules if rule.needs_keys},
    )


def _broken(rules: Sequence[Rule], cells: Cells) -> Iterator[tuple[Rule, Positions]]:
    for rule in rules:
        rows = positions(rule.broken(cells)) if rule.broken else None
        if rows is not None and rows.size:
            yield rule, rows


def _keys(rule: Rule, cells: Cells) -> BlockKeys:
    keys, left_out = row_keys(cells, rule.columns), _left_out(rule, cells)
    if left_out is None:
        return BlockKeys(keys=keys, rows=np.arange(cells.n_rows))
    is_left_out = np.zeros(cells.n_rows, bool)
    is_left_out[positions(left_out)] = True
    rows = np.flatnonzero(~is_left_out)
    return BlockKeys(keys=keys[rows], rows=rows)


def _left_out(rule: Rule, cells: Cells) -> Mask:
    wrong = any_not_of_type(cells, rule.columns)
    if len(rule.columns) == 1:
        return any_of((cells.empty(rule.columns[0]), wrong))
    return any_of((rule.ignored(cells) if rule.ignored else None, wrong))


def measures_of(rules: Sequence[Rule]) -> dict[str, frozenset[Measure]]:
    """Return what rules ask to be measured, by column."""
    asked: dict[str, frozenset[Measure]] = defaultdict(frozenset)
    for rule in rules:
        if rule.measures:
            asked[rule.columns[0]] |= rule.measures
    return dict(asked)

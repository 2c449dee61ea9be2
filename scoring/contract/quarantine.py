"""quarantine.csv: the records that are not scored, each with where it stands and what it breaks."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bes.files import replacing
from scoring.contract.reading.blocks import Block
from scoring.contract.rules.rules import Rule

REFUSED: Final = "refused_by_service"
"""The rule of a record that passed the contract, but that the web service does not score."""

COLUMNS: Final = ("file", "record", "line", "column", "rule", "value", "message", "raw")

_SCHEMA: Final = pa.schema([(name, pa.int64() if name in ("record", "line") else pa.string()) for name in COLUMNS])

Broken = tuple[Rule, npt.NDArray[np.int64]]
"""A rule, and which readable rows of a block break it; shape (n,), ascending."""


class Quarantine:
    """The file while it is written: one line for each rule that a record breaks, block by block as they are added.

    `record` counts from 1 below the header, `line` is the physical line on which the record begins, and `raw` is the
    record as it stands in its file, so that a mended one can be put back. Cells are data and are written as they are:
    one that begins with = + - or @ is a formula to a spreadsheet, so import the file there as text.

    The file appears when the context ends well, and not before; a header alone where there is nothing to tell.

    Args:
        path: Where to write; missing folders are made.
    """

    def __init__(self, path: Path) -> None:
        self._replacing = replacing(path)

    def __enter__(self) -> Self:
        options = pa_csv.WriteOptions(quoting_header="none", eol="\r\n")
        self._writer = pa_csv.CSVWriter(str(self._replacing.__enter__()), _SCHEMA, write_options=options)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._replacing.__exit__(kind, error, trace)

    def add(
        self, block: Block, broken: Sequence[Broken], *, file: str, first_record: int, first_line: int, encoding: str
    ) -> None:
        """Write what the records of a block break.

        Args:
            block: The records.
            broken: Rules that quarantine a row, in the order of the contract.
            file: Name of the input file.
            first_record: Number of the block's first record in the file, from 1.
            first_line: Physical line on which that begins, from 1.
            encoding: Of the file.
        """
        lines = [_unreadable(block, encoding)] if block.unreadable else []
        lines += [_broken(block, broken, encoding)] if broken else []
        if not lines:
            return
        # By record; what one record breaks stays in the order of the contract.
        together = pa.concat_tables(lines)
        together = together.take(pa.array(np.argsort(together["record"].to_numpy(), kind="stable")))
        record, line, *others = together.columns
        place = (pa.repeat(file, len(record)), pc.add(record, first_record), pc.add(line, first_line))
        self._writer.write_table(pa.table([*place, *others], schema=_SCHEMA))


def append_refused(path: Path, lines: Sequence[tuple[str, int, int, str, str]]) -> None:
    """Write records that the web service refuses behind those that break the contract.

    Args:
        path: A file that was written here and is complete.
        lines: Of each record its file, its number in it from 1, the physical line on which it begins from 1, the
            service's words, and the record as it stands in its file.
    """
    file, record, line, message, raw = zip(*lines, strict=True) if lines else [()] * 5
    none = pa.nulls(len(lines), pa.string())
    columns = [file, record, line, none, [REFUSED] * len(lines), none, message, raw]
    options = pa_csv.WriteOptions(include_header=False, eol="\r\n")
    with path.open("ab") as target, pa_csv.CSVWriter(target, _SCHEMA, write_options=options) as writer:
        writer.write_table(pa.table(columns, schema=_SCHEMA))


def _table(*columns: object) -> pa.Table:
    """A table of all columns but the file; records and lines count from the first of the block."""
    return pa.table(list(columns), schema=pa.schema(list(_SCHEMA)[1:]))


def _unreadable(block: Block, encoding: str) -> pa.Table:
    records = block.unreadable
    return _table(
        [record.place.index for record in records],
        [record.place.line for record in records],
        pa.nulls(len(records), pa.string()),
        [record.fault for record in records],
        pa.nulls(len(records), pa.string()),
        [record.message for record in records],
        [block.raw_unreadable(record, encoding) for record in records],
    )


def _broken(block: Block, broken: Sequence[Broken], encoding: str) -> pa.Table:
    rows = np.concatenate([rows for _, rows in broken])
    rule = np.repeat(np.arange(len(broken)), [len(rows) for _, rows in broken])
    distinct, back = np.unique(rows, return_inverse=True)
    places = block.places()
    return _table(
        places.index[rows],
        places.line[rows],
        _chosen(["; ".join(one.columns) for one, _ in broken], rule),
        _chosen([one.name for one, _ in broken], rule),
        pa.concat_arrays([_value(block, one, rows) for one, rows in broken]),
        _chosen([one.message for one, _ in broken], rule),
        block.raw(distinct, encoding).take(pa.array(back)),
    )


def _chosen(texts: Sequence[str], index: npt.NDArray[np.int64]) -> pa.StringArray:
    return pa.array(texts, type=pa.string()).take(pa.array(index))


def _value(block: Block, rule: Rule, rows: npt.NDArray[np.int64]) -> pa.StringArray:
    """The cells that a rule judges; those of several columns in one."""
    cells = [block.text.column(column).take(pa.array(rows)) for column in rule.columns]
    if len(cells) == 1:
        return cells[0]
    return pa.array(
        ["; ".join(cell or "" for cell in row) for row in zip(*(c.to_pylist() for c in cells), strict=True)]
    )

"""What must be unique in the whole input must be so with mended rows: none may equal a row that is scored already."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from bes.errors import InputError
from scoring.contract.model import Contract
from scoring.contract.reading.accepted import AcceptedFile
from scoring.contract.rules.cells import Cells
from scoring.contract.rules.judging import BlockKeys, judge
from scoring.contract.rules.rules import Rule, rules_of
from scoring.requeue.mended import MendedRow


def require_unique(
    mended: AcceptedFile, rows: Sequence[MendedRow], scored: Sequence[AcceptedFile], contract: Contract
) -> None:
    """Compare mended rows with all rows that are scored.

    Args:
        mended: The mended rows that the contract accepts.
        rows: All mended rows in the order of that file, with their places in the input.
        scored: The rows of the version that they are added to.
        contract: Its critical rules of uniqueness are judged.

    Raises:
        InputError: Two rows are alike where they must not be; names both by file and record.
    """
    for rule in rules_of(contract):
        if rule.is_unique and rule.severity == "critical":
            _require_unique(rule, mended, rows, scored, contract)


def _require_unique(
    rule: Rule, mended: AcceptedFile, rows: Sequence[MendedRow], scored: Sequence[AcceptedFile], contract: Contract
) -> None:
    known: dict[tuple[object, ...], MendedRow] = {}
    hashes = [np.empty(0, dtype=np.uint64)]
    for record, text in _read(mended, rule):
        keys = _keys(rule, text, contract)
        hashes.append(keys.keys)
        values = _values(rule, text.take(pa.array(keys.rows)), contract)
        known |= {value: rows[record[row] - 1] for value, row in zip(values, keys.rows, strict=True)}
    asked = np.concatenate(hashes)
    for file in scored:
        for record, text in _read(file, rule):
            keys = _keys(rule, text, contract)
            alike = keys.rows[np.isin(keys.keys, asked)]
            # Two that merely hash alike are told apart.
            for value, row in zip(_values(rule, text.take(pa.array(alike)), contract), alike, strict=True):
                if value in known:
                    raise _twice(rule, known[value], file.file.name, int(record[row]))


def _read(
    file: AcceptedFile, rule: Rule
) -> "Iterator[tuple[np.ndarray[tuple[int], np.dtype[np.int64]], pa.RecordBatch]]":
    if file.n_rows:
        for found in file.rows(0, file.n_rows, rule.columns):
            yield found.record, found.text


def _keys(rule: Rule, text: pa.RecordBatch, contract: Contract) -> BlockKeys:
    return judge([rule], {column: contract.columns[column] for column in rule.columns}, text).keys[rule.index]


def _values(rule: Rule, text: pa.RecordBatch, contract: Contract) -> Iterator[tuple[object, ...]]:
    cells = Cells(text, contract.columns)
    return zip(*(cells.typed(column).to_pylist() for column in rule.columns), strict=True)


def _twice(rule: Rule, row: MendedRow, file: str, record: int) -> InputError:
    # The cells stay untold: they may be sensitive.
    return InputError(
        f"{row.file!r}, record {row.record} has the {', '.join(rule.columns)} of {file!r}, record {record},"
        f" which is scored already: {rule.message}.",
        "Nothing was sent. Mend it in the fixed file, or take its lines out.",
    )

"""quarantine.csv: the rows that are not scored, each with where it stands and what it breaks."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from scoring.contract.findings import Finding, quarantined_rows
from scoring.contract.table import InputTable

COLUMNS: Final = ("file", "record", "line", "column", "rule", "value", "message", "raw")


def write_quarantine(path: Path, findings: Sequence[Finding], table: InputTable) -> None:
    """Write one line per critical finding, in the order of the input; a header alone where there is none.

    `record` counts from 1 below the header, `line` is the physical line on which the record begins, and `raw` is the
    whole row as one CSV record, so that a mended row can be put back. Cells are data and are written as they are: one
    that begins with = + - or @ is a formula to a spreadsheet, so import the file there as text.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Args:
        path: Where to write; missing folders are made.
        findings: Those that are not critical are left out: their rows are scored.
        table: The input that they were found in.
    """
    critical = [finding for finding in findings if finding.severity == "critical"]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            writer.writerows(_lines(critical, table))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(findings: Sequence[Finding], table: InputTable) -> Iterator[tuple[str | int, ...]]:
    rows = quarantined_rows(findings)
    cells = table.text.iloc[rows].itertuples(index=False, name=None)
    raw = {row: _as_record(record) for row, record in zip(rows, cells, strict=True)}
    for one in sorted(findings, key=lambda finding: finding.row):
        yield one.file, one.record, one.line, one.column, one.rule, one.value, one.message, raw[one.row]


def _as_record(cells: Sequence[str]) -> str:
    """Write one record. Only with the line end CR LF does Python's csv put both CR and LF into quotes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n")

"""What the check found: single rows that break a rule, and rules about the whole table that do not hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from scoring.contract.model import Severity
from scoring.contract.spelling import shown

# The rule of a cell that is not of its column's declared type; the other rules bear the names of their expectations.
TYPE: Final = "type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row that breaks one rule.

    Args:
        row: 0-based place in the whole input.
        file: Name of the row's file.
        record: Number of the record in its file, 1 for the first one below the header.
        line: Physical line of the file on which the record begins, 1-based.
        column: The column that was judged.
        rule: The expectation's type, or `type`.
        severity: `critical` quarantines the row.
        value: The cell as it stands in the file.
        message: The rule in words.
    """

    row: int
    file: str
    record: int
    line: int
    column: str
    rule: str
    severity: Severity
    value: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFailure:
    """A rule about the whole table that does not hold.

    Args:
        observed: What the table has instead, such as its number of rows.
    """

    rule: str
    severity: Severity
    message: str
    observed: str


def quarantined_rows(findings: Sequence[Finding]) -> list[int]:
    """Return the rows with a critical finding, in the order of the input."""
    return sorted({finding.row for finding in findings if finding.severity == "critical"})


def summarise(findings: Sequence[Finding]) -> pd.DataFrame:
    """Count the findings by rule, the most frequent first.

    Returns:
        Columns severity, column, rule, message, count and example: the first cell found, with its file and line.
    """
    counts: dict[tuple[str, str, str, str], int] = {}
    examples: dict[tuple[str, str, str, str], str] = {}
    for finding in findings:
        rule = (finding.severity, finding.column, finding.rule, finding.message)
        counts[rule] = counts.get(rule, 0) + 1
        examples.setdefault(rule, f"{shown(finding.value)} ({finding.file}, line {finding.line})")
    frame = pd.DataFrame(
        [(*rule, count, examples[rule]) for rule, count in counts.items()],
        columns=["severity", "column", "rule", "message", "count", "example"],
    )
    return frame.sort_values("count", ascending=False, kind="stable", ignore_index=True)

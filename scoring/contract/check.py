"""The check of an input against its contract, before a byte of it is uploaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bes.errors import InputError
from scoring.contract.findings import Finding, TableFailure, quarantined_rows, summarise
from scoring.contract.model import Contract
from scoring.contract.quarantine import write_quarantine
from scoring.contract.table import InputTable, read_input


class NoRowAccepted(InputError):
    """Not one row of the input can be scored.

    Args:
        n_input: Number of rows that were read.
        counts: Rule and column, such as `type of Col1`, to the number of rows that break it.
        quarantine_path: Where the rows are.
    """

    def __init__(self, what: str, next_step: str, n_input: int, counts: dict[str, int], quarantine_path: str) -> None:
        InputError.__init__(self, what, next_step, n_input, counts, quarantine_path)
        self.n_input = n_input
        self.counts = counts
        self.quarantine_path = quarantine_path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedInput:
    """What the check says about an input of which at least one row can be scored.

    Args:
        accepted: The rows to score, as text and in the order of the input: the contract's columns, indexed by
            `file_index` and `record` (the record's number in its file, 1-based).
        findings: Every row that breaks a rule, once per rule. Those that are critical are not in `accepted`.
        table_failures: Rules about the whole table that do not hold and are not critical.
        n_input: Number of rows that were read; `n_accepted` and `n_quarantined` add up to it.
        files: Name of each file, by `file_index`.
        quarantine_path: The rows that are not scored; always written, if only with its header.
        docs_index: The first page of the Data Docs.
    """

    accepted: pd.DataFrame
    findings: tuple[Finding, ...]
    table_failures: tuple[TableFailure, ...]
    n_input: int
    n_quarantined: int
    files: tuple[str, ...]
    quarantine_path: Path
    docs_index: Path

    @property
    def n_accepted(self) -> int:
        """Number of rows to score."""
        return len(self.accepted)


def check_input(
    paths: Sequence[Path], contract: Contract, *, docs_dir: Path, quarantine_path: Path, run_name: str
) -> CheckedInput:
    """Check one or more files, taken together as one input.

    Record and line numbers count in each file; a key must be unique across all of them, and every copy of one that is
    not is quarantined, since none can be told from the other. The quarantine and the Data Docs are written before any
    error about the rows is raised, so that the error can name them.

    Args:
        paths: The CSV files, in the order in which they are scored.
        contract: What they must look like.
        docs_dir: Folder of the Data Docs.
        quarantine_path: Where the rows that break a critical rule are written.
        run_name: What the run is called in the Data Docs.

    Raises:
        InputError: A file cannot be read for sure, or a critical rule about the whole table does not hold.
        NoRowAccepted: Every row breaks a critical rule.
    """
    # Importing it takes seconds: a file that cannot even be read is refused without them.
    table = read_input(paths, list(contract.columns))
    from scoring.contract.expectations import evaluate

    evaluation = evaluate(table, contract, docs_dir=docs_dir, run_name=run_name)
    write_quarantine(quarantine_path, evaluation.findings, table)
    _refuse_failed_table(evaluation.table_failures, evaluation.docs_index)
    quarantined = quarantined_rows(evaluation.findings)
    if len(quarantined) == table.n_rows:
        raise _no_row_accepted(evaluation.findings, table, quarantine_path)
    return CheckedInput(
        accepted=_accepted(table, quarantined),
        findings=evaluation.findings,
        table_failures=evaluation.table_failures,
        n_input=table.n_rows,
        n_quarantined=len(quarantined),
        files=table.files,
        quarantine_path=quarantine_path,
        docs_index=evaluation.docs_index,
    )


def _accepted(table: InputTable, quarantined: Sequence[int]) -> pd.DataFrame:
    is_accepted = np.ones(table.n_rows, dtype=bool)
    is_accepted[list(quarantined)] = False
    origin = pd.MultiIndex.from_arrays([table.file_index, table.record], names=["file_index", "record"])
    return table.text.set_axis(origin)[is_accepted]


def _refuse_failed_table(failures: Sequence[TableFailure], docs_index: Path) -> None:
    critical = [failure for failure in failures if failure.severity == "critical"]
    if critical:
        broken = "; ".join(f"{one.message}, but it is {one.observed} ({one.rule})" for one in critical)
        raise InputError(f"The input as a whole breaks its contract: {broken}.", f"The Data Docs are {docs_index}.")


def _no_row_accepted(findings: Sequence[Finding], table: InputTable, quarantine_path: Path) -> NoRowAccepted:
    summary = summarise([finding for finding in findings if finding.severity == "critical"])
    counts = {
        f"{rule} of {column}": int(count)
        for rule, column, count in zip(summary["rule"], summary["column"], summary["count"], strict=True)
    }
    named = ", ".join(f"{rule}: {count}" for rule, count in counts.items())
    return NoRowAccepted(
        f"Not one of the {table.n_rows} rows of {', '.join(table.files)} is accepted ({named}).",
        f"The rows and what they break are in {quarantine_path}.",
        table.n_rows,
        counts,
        str(quarantine_path),
    )

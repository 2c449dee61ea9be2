"""What the pass found, for people: by rule with counts and an example, and the very first bad record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.contract.model import Severity
from scoring.contract.reading.strict import Unreadable
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule
from scoring.contract.spelling import REDACTED, shown

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True, kw_only=True)
class FaultTally:
    """Records that cannot be read for one reason: how many, and where the first one stands.

    Args:
        fault: What they break.
        message: What is wrong with the first one, in words.
    """

    fault: str
    message: str
    file: str
    record: int
    line: int
    count: int = 0

    @classmethod
    def of(cls, first: Unreadable, *, file: str, first_record: int, first_line: int) -> "FaultTally":
        """No record yet, and the place of the first one to come.

        Args:
            first: That record.
            file: Name of its file.
            first_record: Number of the first record of its block in the file, from 1.
            first_line: Physical line on which that begins, from 1.
        """
        return cls(
            fault=first.fault,
            message=first.message,
            file=file,
            record=first_record + first.place.index,
            line=first_line + first.place.line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that rows of the input break.

    Args:
        severity: `critical` if the rows are quarantined.
        columns: Those that were judged; none for a record that cannot be read.
        rule: The expectation's type, `type`, or what is wrong with the structure of the record.
        message: The rule in words.
        count: Rows that break it.
        file: Of the first row that breaks it, like record, line and value.
        value: Its cells; None where there are none to tell, or they must not be shown.
    """

    severity: Severity
    columns: tuple[str, ...]
    rule: str
    message: str
    count: int
    file: str
    record: int
    line: int
    value: str | None

    def __str__(self) -> str:
        of = f" of {', '.join(self.columns)}" if self.columns else ""
        value = f", but it is {self.value}" if self.value is not None else ""
        return f"{self.file!r}, record {self.record}, line {self.line}: {self.message}{value} ({self.rule}{of})"


def find(
    rules: Sequence[Rule], profile: Profile, faults: Sequence[FaultTally], *, sensitive: Sequence[str]
) -> list[Finding]:
    """What rows of the input break, the most frequent first.

    Args:
        rules: Of the contract.
        profile: What the pass counted.
        faults: Records that cannot be read.
        sensitive: Columns whose cells must not be shown.
    """
    found = [*_of_faults(faults), *_of_rules(rules, profile, set(sensitive))]
    return sorted(found, key=lambda finding: -finding.count)


def first_of(findings: Sequence[Finding], files: Sequence[str]) -> Finding:
    """The finding whose first row comes first in the input.

    Args:
        findings: At least one.
        files: Names of the files in the order of the input.
    """
    return min(findings, key=lambda finding: (files.index(finding.file), finding.record))


def summarise(findings: Sequence[Finding]) -> "pd.DataFrame":
    """The findings as a table.

    Returns:
        Columns severity, column, rule, message, count and example: the first cell found, with its file and line.
    """
    # Half a second, which the pass itself does without.
    import pandas as pd

    rows = [(one.severity, "; ".join(one.columns), one.rule, one.message, one.count, _example(one)) for one in findings]
    return pd.DataFrame(rows, columns=["severity", "column", "rule", "message", "count", "example"])


def _example(finding: Finding) -> str:
    place = f"{finding.file}, line {finding.line}"
    return place if finding.value is None else f"{finding.value} ({place})"


def _of_faults(faults: Sequence[FaultTally]) -> Iterator[Finding]:
    for one in faults:
        yield Finding(
            severity="critical",
            columns=(),
            rule=one.fault,
            message=one.message,
            count=one.count,
            file=one.file,
            record=one.record,
            line=one.line,
            value=None,
        )


def _of_rules(rules: Sequence[Rule], profile: Profile, sensitive: set[str]) -> Iterator[Finding]:
    for rule in rules:
        tally = profile.tally(rule) if rule.is_about_rows else None
        if tally is None or not tally.n_broken:
            continue
        example = tally.examples[0]
        is_hidden = bool(sensitive.intersection(rule.columns))
        yield Finding(
            severity=rule.severity,
            columns=rule.columns,
            rule=rule.name,
            message=rule.message,
            count=tally.n_broken,
            file=example.file,
            record=example.record,
            line=example.line,
            value=REDACTED if is_hidden else ", ".join(shown(value or "") for value in example.values),
        )

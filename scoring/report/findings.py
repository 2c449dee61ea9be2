"""Which rules rows of the input break, for people: counts and examples, without a cell that must not be shown."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from scoring.contract.findings import Finding, summarise
from scoring.contract.quarantine import REFUSED
from scoring.contract.spelling import REDACTED
from scoring.plan import RefusedRow, RunPlan
from scoring.report.figures import short
from scoring.report.model import FindingLine

if TYPE_CHECKING:
    import pandas as pd


def findings_of_plan(plan: RunPlan) -> tuple[FindingLine, ...]:
    """What the check of the input found, the most frequent first."""
    return _lines(plan.findings_by_rule)


def findings_of_check(findings: Iterable[Finding]) -> tuple[FindingLine, ...]:
    """The same of an input that was refused as a whole."""
    return _lines(summarise(tuple(findings)))


def findings_of_service(refused: Sequence[RefusedRow], *, hides_words: bool) -> tuple[FindingLine, ...]:
    """Rows that the web service refuses, as one line with its words about the first.

    Args:
        refused: In their order.
        hides_words: Leave its words out, since they may quote cells that no page shows.
    """
    if not refused:
        return ()
    first = refused[0]
    place = f"{first.shard.file}, record {first.shard.first_record}"
    return (
        FindingLine(
            is_quarantined=True,
            rule=REFUSED,
            column="",
            message="the web service does not score the row",
            count=len(refused),
            example=f"{REDACTED if hides_words else short(first.words)} ({place})",
        ),
    )


def hides_words(plan: RunPlan) -> bool:
    """True when the web service is sent cells that no page shows: what it says of a row may quote them."""
    sent = {column for shard in plan.shards[:1] for column in shard.sent}
    return not sent.isdisjoint(plan.sensitive)


def _lines(table: "pd.DataFrame") -> tuple[FindingLine, ...]:
    """Columns severity, column, rule, message, count and example."""
    return tuple(
        FindingLine(
            is_quarantined=row["severity"] == "critical",
            rule=str(row["rule"]),
            column=short(str(row["column"])),
            message=short(str(row["message"])),
            count=int(row["count"]),
            example=short(str(row["example"])),
        )
        for row in table.to_dict("records")
    )

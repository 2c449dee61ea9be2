"""The report of a run from what is known at its end, however it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from bes.errors import JobFailed, ScoringError
from bes.redaction import redact
from bes.settings import EndpointSettings
from scoring.contract.spelling import REDACTED
from scoring.last_good import LastGood
from scoring.manifest import GateResult, InputFile
from scoring.output_profile import ColumnProfile, OutputProfile
from scoring.report.comparison import Facts, changes_since
from scoring.report.figures import LONGEST_NAME, short
from scoring.report.model import (
    BooksLine,
    ColumnPair,
    Failure,
    FileLine,
    FindingLine,
    GateLine,
    LeftOut,
    Outcome,
    RunReport,
)
from scoring.report.timeline import ShardStory, throughput_of, timeline_of
from scoring.report.verdict import next_steps_of, verdict_of

MOST_FINDINGS = 40
MOST_COLUMNS = 24
MOST_GATES = 40
MOST_FILES = 40
_LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a run at its end. What a run did not come to has a default.

    Args:
        ended_at: When it ended; now by default.
        version: Folder of the published version; None when there is none.
        session: The execution whose jobs are drawn.
        failure: Why it published nothing.
        nothing_sent: Whether it surely ended before its first job and its first gate.
        files: Files beside the inputs.
        stories: Shards and parts, and what was tried for them.
        gates: What the gates before publishing found.
        profile: Of the output.
        last: The version that was current before.
        is_last_known: Whether there was none where `last` is None.
    """

    dataset: str
    run_key: str
    contract_sha256: str
    endpoint: EndpointSettings
    inputs: Sequence[InputFile]
    started_at: datetime
    books: BooksLine
    ended_at: datetime | None = None
    run_date: date | None = None
    generation: int = 1
    version: str | None = None
    session: str = ""
    failure: Failure | None = None
    nothing_sent: bool = False
    files: Sequence[FileLine] = ()
    findings: Sequence[FindingLine] = ()
    stories: Sequence[ShardStory] = ()
    gates: Sequence[GateResult] = ()
    profile: OutputProfile | None = None
    last: LastGood | None = None
    is_last_known: bool = True


def report_of(known: Known) -> RunReport:
    """The report, with every list cut to what a person reads."""
    ended_at = known.ended_at or datetime.now(UTC)
    seconds = (ended_at - known.started_at).total_seconds()
    changes = changes_since(known.last, _facts(known, seconds))
    gates = _gates(known.gates)
    columns, n_columns_left_out = _columns(known.profile, known.last.profile if known.last else None)
    files = [*(_input(file) for file in known.inputs), *known.files]
    books, failure = known.books, known.failure
    is_notable = any(change.is_notable for change in changes)
    return RunReport(
        dataset=known.dataset,
        run_key=known.run_key,
        run_date=known.run_date,
        generation=known.generation,
        contract_sha256=known.contract_sha256,
        endpoint=known.endpoint.url or "",
        workspace=known.endpoint.workspace,
        service=known.endpoint.service,
        started_at=known.started_at,
        ended_at=ended_at,
        version=known.version,
        verdict=verdict_of(books, changes, gates, failure, last=known.last, is_last_known=known.is_last_known),
        failure=failure,
        nothing_sent=known.nothing_sent,
        books=books,
        last_good=known.last.version.folder if known.last else None,
        is_last_known=known.is_last_known,
        changes=changes,
        gates=gates[:MOST_GATES],
        timeline=timeline_of(known.stories, session=known.session, ended_at=ended_at),
        throughput=throughput_of(known.stories, n_scored=books.n_scored, seconds=seconds),
        findings=tuple(known.findings[:MOST_FINDINGS]),
        columns=columns,
        files=tuple(files[:MOST_FILES]),
        left_out=LeftOut(
            findings=max(0, len(known.findings) - MOST_FINDINGS),
            columns=n_columns_left_out,
            gates=max(0, len(gates) - MOST_GATES),
            files=max(0, len(files) - MOST_FILES),
        ),
        next_steps=next_steps_of(
            known.dataset, known.run_key, books, gates, failure, is_notable=is_notable, version=known.version
        ),
    )


def failure_of(error: BaseException, *, hides_words: bool = False) -> Failure:
    """An error in words, with what to do about it.

    Args:
        error: What ended the run.
        hides_words: Leave out what the web service says, which may quote cells that no page shows.
    """
    if isinstance(error, ScoringError):
        what = error.what
        if hides_words and isinstance(error, JobFailed) and error.details:
            what = what.replace(error.details, REDACTED)
        return Failure(what=short(what, _LONGEST_ERROR), next_step=error.next_step)
    if not isinstance(error, Exception):
        return Failure(
            what="The run was interrupted, and the web service was told to cancel its jobs.", next_step="Run again."
        )
    return Failure(
        what=short(f"Unexpected {type(error).__name__}: {redact(str(error))}", _LONGEST_ERROR),
        next_step="See the run's log in Prefect; then run again, which goes on where this one stood.",
    )


def _facts(known: Known, seconds: float) -> Facts:
    is_over = known.failure is None
    return Facts(
        n_input=known.books.n_input,
        n_scored=known.books.n_scored if is_over else None,
        contract_sha256=known.contract_sha256,
        endpoint=known.endpoint.url or "",
        workspace=known.endpoint.workspace,
        service=known.endpoint.service,
        duration_seconds=seconds if is_over else None,
    )


def _gates(results: Sequence[GateResult]) -> tuple[GateLine, ...]:
    """The gates that do not hold, each by itself; then the others.

    Of these each is one line for all the columns to which it applies, and one more for each reason why it does not.
    """
    failed = [_gate(result) for result in results if not result.passed]
    passed: dict[tuple[str, str], list[GateResult]] = {}
    for result in results:
        if result.passed:
            passed.setdefault((result.name, "" if _applies(result) else result.message), []).append(result)
    nearest = [(max(those, key=lambda one: one.value or 0.0), len(those)) for those in passed.values()]
    return (*_worst_first(failed), *(_gate(result, n_columns=n_columns) for result, n_columns in nearest))


def _gate(gate: GateResult, *, n_columns: int = 1) -> GateLine:
    return GateLine(
        name=gate.name,
        column=short(gate.column, LONGEST_NAME) if gate.column else None,
        n_columns=n_columns,
        value=_number(gate.value),
        threshold=_number(gate.threshold),
        outcome=_outcome(gate),
        message=short(gate.message),
    )


def _outcome(gate: GateResult) -> Outcome:
    if not gate.passed:
        return "warned" if gate.action == "warn" else "stopped"
    return "passed" if _applies(gate) else "not applied"


def _applies(passed: GateResult) -> bool:
    # A gate that holds has measured something, or there was nothing to measure.
    return passed.value is not None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _worst_first(gates: Sequence[GateLine]) -> tuple[GateLine, ...]:
    order = ("stopped", "warned")
    return tuple(sorted(gates, key=lambda gate: order.index(gate.outcome)))


def _columns(now: OutputProfile | None, before: OutputProfile | None) -> tuple[tuple[ColumnPair, ...], int]:
    """The numeric columns, those first that have moved most; and how many there are beyond."""
    if now is None:
        return (), 0
    earlier = {column.name: column for column in before.columns} if before else {}
    pairs = [
        ColumnPair(name=short(column.name, LONGEST_NAME), now=column, before=earlier.get(column.name))
        for column in now.columns
        if column.is_numeric and column.counts
    ]
    moved = sorted(pairs, key=lambda pair: -distance(pair.now, pair.before))
    chosen = moved[:MOST_COLUMNS] if len(pairs) > MOST_COLUMNS else pairs
    return tuple(chosen), len(pairs) - len(chosen) + now.n_columns_left_out


def distance(now: ColumnProfile, before: ColumnProfile | None) -> float:
    """The share of rows that would have to be elsewhere for two distributions to be one, 0 to 1."""
    if before is None or now.edges != before.edges or not sum(now.counts) or not sum(before.counts):
        return 0.0
    n_now, n_before = sum(now.counts), sum(before.counts)
    return sum(abs(a / n_now - b / n_before) for a, b in zip(now.counts, before.counts, strict=True)) / 2


def _input(file: InputFile) -> FileLine:
    return FileLine(
        role="input",
        name=short(Path(file.path).name, LONGEST_NAME),
        href=None,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
    )

"""What the report of a run says, before it has a form: numbers and words, each list already short enough to read."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from scoring.output_profile import ColumnProfile

Kind = Literal["good", "warn", "bad"]

Outcome = Literal["passed", "warned", "stopped", "not applied"]
"""Of a gate. It does not apply where there is nothing to measure, such as an earlier run."""

SegmentKind = Literal["sending", "queued", "running", "transfer"]
"""A job is submitted and started, waits, runs; then its end is noticed, and its output comes home and is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The run in one sentence, and whether it is normal in another."""

    kind: Kind
    sentence: str
    is_normal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksLine:
    """Where each row of the input is. None stands for what is not known, since the run did not come so far.

    Args:
        n_open: Rows that are neither scored nor quarantined, since the run ended before.
        n_refused: Of the quarantined ones, those that the web service refused.
    """

    n_input: int | None
    n_scored: int
    n_quarantined: int
    n_refused: int
    n_failed: int
    n_open: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One fact of this run beside the same one of the last good run."""

    name: str
    before: str
    now: str
    difference: str
    is_notable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """One gate before publishing; of the columns for which it holds, the one that is nearest to its threshold.

    Columns to which it does not apply are a line of their own.

    Args:
        n_columns: How many columns it stands for.
    """

    name: str
    column: str | None
    n_columns: int = 1
    value: str
    threshold: str
    outcome: Outcome
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of an attempt; seconds count from the beginning of the timeline."""

    kind: SegmentKind
    begin: float
    end: float
    is_lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One shard, or a part of one that was halved.

    Args:
        number: Position of the shard, and which part of it.
        state: How it stands, such as `verified` or `halved`.
        rows_per_second: While its job ran; None when that is not known.
        note: What there is to know beside the drawing; empty for a shard without trouble.
    """

    number: str
    file: str
    n_rows: int
    n_attempts: int
    state: str
    segments: tuple[Segment, ...]
    rows_per_second: float | None
    note: str

    def seconds_of(self, kind: SegmentKind) -> float:
        """Seconds that all its attempts spent so."""
        return sum(segment.end - segment.begin for segment in self.segments if segment.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The shards of a run, in the order of their rows.

    Args:
        began_at: Where it begins.
        seconds: How long it is.
        lanes: Those that are drawn.
        n_lanes: All that there are.
        n_halved: Shards and parts that were scored in halves.
        n_retries: Attempts beyond the first.
        n_jobs: As in the summary of a run; while it is not published, with those that may still come home.
        n_jobs_in_vain: Beside them, also those of earlier executions and those that a lost answer may have left.
        home: Seconds, and rows that had come home by then.
    """

    began_at: datetime
    seconds: float
    lanes: tuple[Lane, ...]
    n_lanes: int
    n_halved: int
    n_retries: int
    n_jobs: int
    n_jobs_in_vain: int
    home: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast rows went through, and how their jobs were polled; None where nothing was measured.

    Args:
        status_calls: Of a job, mean.
        noticed_seconds: From a job's end to its being noticed, mean.
    """

    rows_per_second: float | None
    rows_per_second_of_a_job: float | None
    median_queued_seconds: float | None
    median_running_seconds: float | None
    status_calls: float | None
    noticed_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """One rule, and how many rows break it."""

    is_quarantined: bool
    rule: str
    column: str
    message: str
    count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPair:
    """One numeric output now, and in the last good run."""

    name: str
    now: ColumnProfile
    before: ColumnProfile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """A file of the run. `href` is relative to the report; None where it is not beside it."""

    role: str
    name: str
    href: str | None
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why nothing was published."""

    what: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """How many of each list are not shown."""

    findings: int = 0
    columns: int = 0
    gates: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything that the report of one run says.

    Args:
        version: Folder of the published version; None for a run that published nothing.
        nothing_sent: Whether it surely ended before its first job and its first gate.
        last_good: Folder of the version that it is compared with; None when nothing was published before.
        is_last_known: Whether that is so; otherwise the storage did not tell.
        changes: What changed since then.
        timeline: None when no job was ever intended.
        next_steps: What to do now; never empty.
    """

    dataset: str
    run_key: str
    run_date: date | None
    generation: int
    contract_sha256: str
    endpoint: str
    workspace: str
    service: str
    started_at: datetime
    ended_at: datetime
    version: str | None
    verdict: Verdict
    failure: Failure | None
    nothing_sent: bool
    books: BooksLine
    last_good: str | None
    is_last_known: bool
    changes: tuple[Change, ...]
    gates: tuple[GateLine, ...]
    timeline: Timeline | None
    throughput: Throughput
    findings: tuple[FindingLine, ...]
    columns: tuple[ColumnPair, ...]
    files: tuple[FileLine, ...]
    left_out: LeftOut
    next_steps: tuple[str, ...]

    @property
    def duration_seconds(self) -> float:
        """From the first look at the input to the end."""
        return (self.ended_at - self.started_at).total_seconds()

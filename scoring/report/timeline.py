"""When each shard was sent, queued, run and brought home: from the journal's attempts to what can be drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from statistics import mean, median

from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.report.figures import LONGEST_NAME, short
from scoring.report.model import Lane, Segment, SegmentKind, Throughput, Timeline

MOST_LANES = 100
"""More are no picture any more; the slowest and those with trouble are drawn."""

_MOST_POINTS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardStory:
    """A shard or a part of one, and all that was tried for it in this generation of the run."""

    number: str
    file: str
    first_row: int
    n_rows: int
    attempts: Sequence[Attempt]

    @property
    def is_home(self) -> bool:
        """Whether its output is here and checked."""
        return bool(self.attempts) and self.attempts[-1].state is AttemptState.VERIFIED

    @property
    def is_refused(self) -> bool:
        """Whether it is one row, which the web service refuses."""
        return bool(self.attempts) and self.attempts[-1].verdict is Verdict.REFUSED


def timeline_of(stories: Iterable[ShardStory], *, session: str, ended_at: datetime) -> Timeline | None:
    """The picture of a run; None when no job was ever intended.

    Args:
        stories: All shards of the run and their parts.
        session: The execution that is drawn. What earlier ones did is told in words, since hours may lie between.
        ended_at: Where it ends, for attempts that have not.
    """
    tried = sorted((story for story in stories if story.attempts), key=lambda story: (story.first_row, story.number))
    if not tried:
        return None
    attempts = [attempt for story in tried for attempt in story.attempts]
    mine = [attempt for attempt in attempts if attempt.session == session]
    began_at = min((attempt.intent_at for attempt in mine), default=ended_at)
    lanes = [_lane(story, session, began_at, ended_at) for story in tried]
    return Timeline(
        began_at=began_at,
        seconds=max(0.001, (ended_at - began_at).total_seconds()),
        lanes=_drawn(lanes),
        n_lanes=len(lanes),
        n_halved=sum(lane.state == Verdict.HALVED for lane in lanes),
        n_retries=sum(len(story.attempts) - 1 for story in tried),
        n_jobs=sum(attempt.job_id is not None and not attempt.state.is_over for attempt in attempts),
        n_jobs_in_vain=sum(attempt.was_spent for attempt in attempts),
        home=_home(tried, began_at),
    )


def throughput_of(stories: Iterable[ShardStory], *, n_scored: int, seconds: float) -> Throughput:
    """How fast the rows went through; of single jobs, by the web service's own clock."""
    home = [(story.n_rows, story.attempts[-1]) for story in stories if story.is_home]
    queued = [_between(attempt.started_at, attempt.service_start_time) for _, attempt in home]
    running = [(n_rows, _between(attempt.service_start_time, attempt.service_end_time)) for n_rows, attempt in home]
    return Throughput(
        rows_per_second=n_scored / seconds if n_scored and seconds > 0 else None,
        rows_per_second_of_a_job=_median([n_rows / ran for n_rows, ran in running if ran]),
        median_queued_seconds=_median([waited for waited in queued if waited is not None]),
        median_running_seconds=_median([ran for _, ran in running if ran is not None]),
        status_calls=_mean([last.status_calls for _, last in home]),
        noticed_seconds=_mean([last.noticed_after_seconds for _, last in home]),
    )


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _lane(story: ShardStory, session: str, began_at: datetime, ended_at: datetime) -> Lane:
    last = story.attempts[-1]
    mine = [attempt for attempt in story.attempts if attempt.session == session or _touched(attempt, began_at)]
    ran = _between(last.service_start_time, last.service_end_time) if story.is_home else None
    return Lane(
        number=story.number,
        file=short(story.file, LONGEST_NAME),
        n_rows=story.n_rows,
        n_attempts=len(story.attempts),
        state=last.verdict or last.state,
        segments=tuple(segment for attempt in mine for segment in _segments(attempt, began_at, ended_at)),
        rows_per_second=story.n_rows / ran if ran else None,
        note=_note(story, n_before=len(story.attempts) - len(mine)),
    )


def _touched(attempt: Attempt, began_at: datetime) -> bool:
    end = attempt.verified_at or attempt.ended_at
    return end is None or end > began_at


def _note(story: ShardStory, *, n_before: int) -> str:
    last = story.attempts[-1]
    notes = []
    if len(story.attempts) > 1:
        notes.append(f"attempt {len(story.attempts)}")
    if last.verdict is Verdict.HALVED:
        notes.append("scored in halves")
    elif last.verdict is Verdict.REFUSED:
        notes.append("refused")
    elif last.state is not AttemptState.VERIFIED:
        notes.append(str(last.state))
    if n_before:
        notes.append("from an earlier execution" if n_before == len(story.attempts) else f"{n_before} of them earlier")
    return ", ".join(notes)


def _segments(attempt: Attempt, began_at: datetime, ended_at: datetime) -> Iterable[Segment]:
    end = attempt.verified_at or attempt.ended_at or ended_at
    marks: list[tuple[SegmentKind, datetime | None]] = [
        ("sending", attempt.intent_at),
        ("queued", attempt.started_at),
        ("running", _moment(attempt.service_start_time)),
        ("transfer", _moment(attempt.service_end_time)),
    ]
    known = [(kind, moment) for kind, moment in marks if moment is not None]
    # The web service has a clock of its own: what it says is moved to where it can have been.
    at = [min(moment, end) for moment in accumulate((moment for _, moment in known), max)]
    for (kind, _), begin, until in zip(known, at, [*at[1:], end], strict=True):
        first = max(0.0, (begin - began_at).total_seconds())
        last = (until - began_at).total_seconds()
        if last > first:
            yield Segment(kind=kind, begin=first, end=last, is_lost=attempt.state.is_over)


def _drawn(lanes: Sequence[Lane]) -> tuple[Lane, ...]:
    """Those with trouble, then the longest; in their own order."""
    if len(lanes) <= MOST_LANES:
        return tuple(lanes)

    def weight(place: int) -> tuple[bool, float]:
        lane = lanes[place]
        return bool(lane.note), sum(segment.end - segment.begin for segment in lane.segments)

    chosen = sorted(sorted(range(len(lanes)), key=weight, reverse=True)[:MOST_LANES])
    return tuple(lanes[place] for place in chosen)


def _home(stories: Iterable[ShardStory], began_at: datetime) -> tuple[tuple[float, int], ...]:
    came = sorted(
        (max(0.0, (last.verified_at - began_at).total_seconds()), story.n_rows)
        for story in stories
        if story.is_home and (last := story.attempts[-1]).verified_at is not None
    )
    points, n_rows = [], 0
    for seconds, rows in came:
        n_rows += rows
        points.append((seconds, n_rows))
    step = -(-len(points) // _MOST_POINTS) or 1
    return (*points[: len(points) - 1 : step], *points[-1:])


def _between(begin: datetime | str | None, end: datetime | str | None) -> float | None:
    first, last = _moment(begin), _moment(end)
    return max(0.001, (last - first).total_seconds()) if first and last else None


def _moment(text: datetime | str | None) -> datetime | None:
    """A time of the web service, which need not be one."""
    if text is None or isinstance(text, datetime):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

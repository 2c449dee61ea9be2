"""When to ask for a job again: soon for a short one, seldom for a long one, and most of all when it should end.

A call tells nothing new while a job runs as long as the ones before it. So the run times that the service tells of
finished jobs, a unit of work each, foretell the end of the others.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from bes.protocol import JobState, JobStatus

_LIKE = 3
"""Jobs of which one has up to so many times the work of the other foretell each other's time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacingPlan:
    """How often one job is asked for.

    Args:
        first_seconds: Before the first question, and no pause is shorter.
        longest_seconds: No pause is longer, so that a job that fails early or hangs is noticed.
        share: Each pause is this part of the time that the job has taken, while nothing foretells its end.
        short_seconds: After the first question no such pause is shorter, but for the jitter: just below the second of
            the quickest loop that clients have, so that a job of some seconds costs no more calls and is seen no later.
        long_share: The same as `share` once such a pause has grown to `long_seconds`.
        long_seconds: Half of it, the mean delay, is below the 7.5 s of the slowest loop that clients have, up to a
            quarter of an hour, of which `long_share` makes the same.
        early: A foretold end is looked for from this part of the expected run time before it; like jobs differ by less
            than half as much.
        near: Around it, each pause is this part of the expected run time, and at most `near_seconds`.
        near_seconds: See `near`.
        fine_seconds: A pause around it may be as long as this, if that is no more than `fine` of the run time: its half
            is below the half second of the quickest loop.
        fine: Of a job of a second and a half it is `first_seconds`, the shortest pause.
        jitter: Each pause is longer or shorter by up to this part, so that clients do not ask in step.
    """

    first_seconds: float = 0.3
    longest_seconds: float = 60.0
    share: float = 0.1
    short_seconds: float = 0.97
    long_share: float = 0.015
    long_seconds: float = 14.0
    early: float = 0.13
    near: float = 0.015
    near_seconds: float = 5.0
    fine_seconds: float = 0.8
    fine: float = 0.2
    jitter: float = 0.1


@dataclass(slots=True)
class _Track:
    since: float
    asked: float
    running_since: float | None = None


class Pacing:
    """The pace of all jobs of a run. Used by one thread.

    Args:
        plan: How often one job is asked for.
        clock: Monotonic seconds.
        now: The time of day, as the service has it when clocks agree.
        work_of: How much a job has to do, in any unit, by its id.
        seconds_per_unit: What the service took for a unit of work in an earlier run, if that is known.
        chance: A number from 0 to 1, a new one each time.
    """

    def __init__(
        self,
        plan: PacingPlan,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        work_of: Callable[[str], float] = lambda _job_id: 1.0,
        seconds_per_unit: float | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._now = now
        self._work_of = work_of
        self._chance = chance
        self._tracks: dict[str, _Track] = {}
        self._seconds_per_unit = seconds_per_unit
        # Work and seconds; so many that a slow one changes little, and so few that a service that became slower is
        # followed.
        self._done: deque[tuple[float, float]] = deque(maxlen=15)

    def first(self, job_id: str) -> float:
        """When to ask for a job that was just started."""
        now = self._clock()
        self._tracks[job_id] = _Track(now, now)
        return now + self._pause(job_id, now)

    def next(self, job_id: str, state: JobState) -> float:
        """When to ask again for a job that has not ended."""
        now, track = self._clock(), self._tracks[job_id]
        if state.status is JobStatus.RUNNING and track.running_since is None:
            track.running_since = now - min(self._age_seconds(state), now - track.asked)
        track.asked = now
        return now + self._pause(job_id, now)

    def learn(self, job_id: str, state: JobState) -> None:
        """Take note of how long a finished job ran."""
        self._tracks.pop(job_id, None)
        seconds = run_seconds(state)
        if state.status is JobStatus.FINISHED and seconds is not None:
            self._done.append((self._work_of(job_id), seconds))

    def _pause(self, job_id: str, now: float) -> float:
        plan, expected = self._plan, self._expected_seconds(job_id)
        seconds = self._wanted(self._tracks[job_id], expected, now)
        bounded = min(max(seconds, plan.first_seconds), plan.longest_seconds)
        # A long pause that was chosen well is not to miss its end by a part of its length.
        jitter = plan.jitter * bounded if expected is None else min(plan.jitter * bounded, self._near(expected))
        return bounded + jitter * (2 * self._chance() - 1)

    def _wanted(self, track: _Track, expected: float | None, now: float) -> float:
        plan, waited = self._plan, now - track.since
        if expected is None:
            return max(self._unforetold(waited), plan.short_seconds if waited else 0.0)
        near = self._near(expected)
        # The middle of the first of the stretches into which the pauses divide the time of the end.
        first = (1 - plan.early) * expected + near / 2
        if track.running_since is None:
            # Should it begin this moment, it still takes that long.
            return max(first, self._unforetold(waited))
        ran = now - track.running_since
        return first - ran if first - ran > near else max(near, self._unforetold(ran - expected))

    def _unforetold(self, seconds: float) -> float:
        """The pause after so many seconds about which nothing was foretold."""
        plan = self._plan
        return min(plan.share * seconds, max(plan.long_seconds, plan.long_share * seconds))

    def _near(self, expected: float) -> float:
        plan = self._plan
        return min(max(plan.near * expected, min(plan.fine * expected, plan.fine_seconds)), plan.near_seconds)

    def _age_seconds(self, state: JobState) -> float:
        start = moment_of(state.start_time)
        # Clocks differ: the caller bounds it by what its own clock says.
        return 0.0 if start is None else max((self._now() - start).total_seconds(), 0.0)

    def _expected_seconds(self, job_id: str) -> float | None:
        work = self._work_of(job_id)
        # What each job takes whatever its work is foretells nothing for one of another size.
        like = [seconds / done for done, seconds in self._done if is_like(done, work)]
        pace = median(like) if like else self._seconds_per_unit
        return None if pace is None else pace * work


def is_like(work: float, other: float) -> bool:
    """Whether jobs of so much work foretell each other's time: of small ones it is what any job takes."""
    return work <= _LIKE * other and other <= _LIKE * work


def run_seconds(state: JobState) -> float | None:
    """How long a job ran, by the clock of the service; None where it does not say."""
    return seconds_between(state.start_time, state.end_time)


def seconds_between(start: str | None, end: str | None) -> float | None:
    """From one time that the service tells to another; None where one of them is not told."""
    first, last = moment_of(start), moment_of(end)
    return None if first is None or last is None else max((last - first).total_seconds(), 0.0)


def moment_of(text: str | None) -> datetime | None:
    """A time that the service tells; None where it is none. The first year is how it writes one that has not come."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if moment.year == 1:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""The three clocks of a job: in the queue, without a sign of progress, and in all."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bes.protocol import JobState, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeadlines:
    """How long one job may take, each in seconds.

    Args:
        queued: From the first look at it until it runs.
        progress: Without any change of what the service tells about it while it runs.
        total: From the first look at it until it has ended.
    """

    queued: float = math.inf
    progress: float = math.inf
    total: float = math.inf


class JobClocks:
    """Watches jobs that are polled, perhaps in several waits.

    Args:
        deadlines: The same for each job.
        clock: Monotonic seconds.
    """

    def __init__(self, deadlines: JobDeadlines, clock: Callable[[], float]) -> None:
        self._deadlines = deadlines
        self._clock = clock
        self._first_seen: dict[str, float] = {}
        self._last_change: dict[str, tuple[tuple[object, ...], float]] = {}

    def watch(self, job_id: str) -> None:
        """Start the clocks of a job, unless they run."""
        self._first_seen.setdefault(job_id, self._clock())

    def overdue(self, job_id: str, state: JobState) -> str | None:
        """Which deadline a job has passed, in words; None while it is in time."""
        self.watch(job_id)
        now = self._clock()
        sign = (state.status, state.details, state.start_time)
        if job_id not in self._last_change or self._last_change[job_id][0] != sign:
            self._last_change[job_id] = (sign, now)
        age, still = now - self._first_seen[job_id], now - self._last_change[job_id][1]
        if age >= self._deadlines.total:
            return f"it had not ended after {age:.0f} s"
        if state.status is JobStatus.NOT_STARTED and age >= self._deadlines.queued:
            return f"it was still in the queue after {age:.0f} s"
        if state.status is JobStatus.RUNNING and still >= self._deadlines.progress:
            return f"it ran without a sign of progress for {still:.0f} s"
        return None

"""The one polling loop: waits for many jobs at once, in one place, with a deadline; jobs may be added meanwhile."""

import heapq
import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from bes.errors import JobTimedOut, Throttled, Unavailable
from bes.pacing import Pacing, PacingPlan
from bes.protocol import JobState

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.05
"""How soon a job that was added is noticed; far below the pause before the first question."""

_OUTAGE_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses after calls in a row that got no answer; the last one for all further ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingPlan:
    """When to stop asking.

    Args:
        deadline_seconds: For all jobs together, from the start of the wait; a job's own deadlines are for the watch.
        silence_seconds: The gateway may be away this long before it is an error, counted from the first call without an
            answer, so that one call that hangs is never the end.
    """

    deadline_seconds: float = 4 * 3600.0
    silence_seconds: float = 120.0


class JobFeed:
    """Started jobs that are to be waited for: added by any thread, until it is closed."""

    def __init__(self, job_ids: Iterable[str] = ()) -> None:
        self._added = deque(job_ids)
        self._is_closed = False

    @classmethod
    def of(cls, job_ids: Iterable[str]) -> "JobFeed":
        """All jobs that there are."""
        feed = cls(job_ids)
        feed.close()
        return feed

    def add(self, job_id: str) -> None:
        """Let a job be waited for."""
        self._added.append(job_id)

    def close(self) -> None:
        """No job will be added: the wait ends when those that were have ended. Harmless twice."""
        self._is_closed = True

    def take(self) -> list[str]:
        """Jobs that were added since it was last asked."""
        return [self._added.popleft() for _ in range(len(self._added))]

    @property
    def is_over(self) -> bool:
        """True when nothing is left and nothing will come."""
        # In this order: a job is added before the feed is closed.
        return self._is_closed and not self._added


class JobWatch(Protocol):
    """What is done about the jobs that are polled."""

    def read_status(self, job_id: str) -> JobState:
        """Ask for one job; waits when it is throttled for as long as it may, the rest is the loop's business."""

    def judge(self, job_id: str, state: JobState) -> JobState:
        """See each state of a living job, and give the one that counts: a later one if the job was cancelled."""

    def changed(self, job_id: str, state: JobState) -> None:
        """Be told each new status of each job once."""

    def ended(self, job_id: str, state: JobState) -> None:
        """Be told the final state of each job, after `changed`."""


def poll_jobs(
    watch: JobWatch,
    feed: JobFeed,
    *,
    plan: PollingPlan,
    pacing: Pacing | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask for each job when its time has come, until the feed is closed and all have ended.

    Args:
        watch: Asks, and is told.
        feed: Started jobs.
        plan: When to stop asking.
        pacing: When to ask for which job; by default one that knows nothing of the jobs yet.
        clock: Monotonic seconds, injected by tests.
        sleep: Waits for seconds, injected by tests.

    Raises:
        JobTimedOut: Some had not ended by the deadline; carries their ids.
        Unavailable: The gateway was away for longer than `plan.silence_seconds`.
        Throttled: The gateway lets nobody ask before the deadline.
    """
    patience = _Patience(plan, clock, sleep)
    agenda = _Agenda(feed, pacing or Pacing(PacingPlan(), clock=clock), clock)
    known: dict[str, JobState] = {}
    while not agenda.is_over():
        if patience.seconds_left() <= 0 and not agenda.ask_all_once():
            raise _timed_out(agenda.alive(), plan)
        seconds = agenda.seconds_until_next()
        if seconds > 0:
            sleep(min(seconds, max(patience.seconds_left(), 0.0)))
            continue
        job_id = agenda.next_job()
        try:
            state = watch.read_status(job_id)
            if not state.status.has_ended:
                state = watch.judge(job_id, state)
        except Unavailable as error:
            agenda.put_off(job_id, patience.bear(job_id, error))
            continue
        patience.restore()
        before, known[job_id] = known.get(job_id), state
        if before is None or before.status is not state.status:
            watch.changed(job_id, state)
        agenda.take_note(job_id, state)
        if state.status.has_ended:
            watch.ended(job_id, state)


class _Agenda:
    """Which job is to be asked for next, and when."""

    def __init__(self, feed: JobFeed, pacing: Pacing, clock: Callable[[], float]) -> None:
        self._feed = feed
        self._pacing = pacing
        self._clock = clock
        self._due: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()
        self._last_call: set[str] | None = None

    def is_over(self) -> bool:
        is_over = self._feed.is_over
        return is_over and not self._due

    def alive(self) -> list[str]:
        return sorted(job_id for _, _, job_id in self._due)

    def seconds_until_next(self) -> float:
        for job_id in self._feed.take():
            self._put(self._pacing.first(job_id), job_id)
        left = self._due[0][0] - self._clock() if self._due else math.inf
        return left if self._feed.is_over else min(left, _LOOK_SECONDS)

    def ask_all_once(self) -> bool:
        """Let the time of all jobs have come, since whatever has ended in the last moment counts.

        Returns:
            False when that was done, and each of them has been asked for.
        """
        if self._last_call is None:
            self._last_call = {job_id for _, _, job_id in self._due}
            self._due = [(self._clock(), number, job_id) for _, number, job_id in sorted(self._due)]
        return bool(self._last_call)

    def next_job(self) -> str:
        job_id = heapq.heappop(self._due)[2]
        if self._last_call is not None:
            self._last_call.discard(job_id)
        return job_id

    def put_off(self, job_id: str, seconds: float) -> None:
        self._put(self._clock() + seconds, job_id)

    def take_note(self, job_id: str, state: JobState) -> None:
        if state.status.has_ended:
            self._pacing.learn(job_id, state)
        else:
            self._put(self._pacing.next(job_id, state), job_id)

    def _put(self, moment: float, job_id: str) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), job_id))


class _Patience:
    """With a gateway that gives no status: it may be silent for a while, or say when to come back."""

    def __init__(self, plan: PollingPlan, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._silence_seconds = plan.silence_seconds
        self._deadline = clock() + plan.deadline_seconds
        self._silent_since: float | None = None
        self._n_silent = 0
        self._clock = clock
        self._sleep = sleep

    def seconds_left(self) -> float:
        return self._deadline - self._clock()

    def restore(self) -> None:
        self._silent_since = None
        self._n_silent = 0

    def bear(self, job_id: str, error: Unavailable) -> float:
        """How long to leave the job alone."""
        if isinstance(error, Throttled) and error.retry_after_seconds is not None:
            return self._come_back(error, error.retry_after_seconds)
        now = self._clock()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > self._silence_seconds:
            raise error
        logger.warning("no status of job %s: %s", job_id, error.what)
        self._n_silent += 1
        return _OUTAGE_SECONDS[min(self._n_silent, len(_OUTAGE_SECONDS)) - 1]

    def _come_back(self, error: Throttled, seconds: float) -> float:
        # Whatever is asked before that time is refused as well.
        if seconds > self.seconds_left():
            raise error
        self.restore()
        logger.info("the gateway throttles; next status in %.0f s", seconds)
        self._sleep(seconds)
        return 0.0


def _timed_out(alive: list[str], plan: PollingPlan) -> JobTimedOut:
    late = f"{len(alive)} job(s) had not ended after {plan.deadline_seconds:.0f} s: {', '.join(alive)}."
    return JobTimedOut(
        late if alive else f"Not all jobs had been started after {plan.deadline_seconds:.0f} s.",
        "Look at the web service's queue, or raise BATCH_SCORING_RUN_TIMEOUT_SECONDS.",
        alive,
    )

"""The one polling loop: waits for many jobs at once, in one place, with a deadline."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bes.errors import JobTimedOut, Throttled, Unavailable
from bes.protocol import JobState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingPlan:
    """When to ask, and when to stop asking.

    Args:
        first_seconds: Pause after the first round.
        growth: Each pause is this much longer than the one before.
        longest_seconds: No pause is longer, so that the end of a long job is noticed soon.
        deadline_seconds: For all jobs together, from the first round; a job's own deadlines are for `watch`.
        silence_seconds: The gateway may be away this long before it is an error, counted from the first call without an
            answer, so that one call that hangs is never the end.
    """

    first_seconds: float = 0.5
    growth: float = 1.5
    longest_seconds: float = 10.0
    deadline_seconds: float = 4 * 3600.0
    silence_seconds: float = 120.0


def poll_jobs(
    read_status: Callable[[str], JobState],
    job_ids: Iterable[str],
    *,
    plan: PollingPlan,
    on_change: Callable[[str, JobState], None] = lambda _job_id, _state: None,
    watch: Callable[[str, JobState], JobState] = lambda _job_id, state: state,
    is_enough: Callable[[JobState], bool] = lambda _state: False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, JobState]:
    """The final state of every job, or the last one known of those that still live when one gave enough to do.

    Args:
        read_status: Asks for one job, and waits when it is throttled for as long as it may; the rest is ours.
        job_ids: Started jobs.
        plan: When to ask, and when to stop asking.
        on_change: Told each new status of each job once.
        watch: Sees each state of a living job, and gives the one that counts: a later one if it has cancelled the job.
        is_enough: For which final states the wait ends with the round, since something is to be done about them.
        clock: Monotonic seconds, injected by tests.
        sleep: Waits for seconds, injected by tests.

    Raises:
        JobTimedOut: Some had not ended by the deadline; carries their ids.
        Unavailable: The gateway was away for longer than `plan.silence_seconds`.
        Throttled: The gateway lets nobody ask before the deadline.
    """
    patience = _Patience(plan, clock, sleep)
    states: dict[str, JobState] = {}
    alive = list(job_ids)
    pause = plan.first_seconds
    while alive:
        for job_id in alive:
            try:
                state = read_status(job_id)
                if not state.status.has_ended:
                    state = watch(job_id, state)
            except Unavailable as error:
                patience.bear(job_id, error)
                continue
            patience.restore()
            before, states[job_id] = states.get(job_id), state
            if before is None or before.status is not state.status:
                on_change(job_id, state)
        alive = [job_id for job_id in alive if job_id not in states or not states[job_id].status.has_ended]
        ended = [state for state in states.values() if state.status.has_ended]
        if not alive or any(is_enough(state) for state in ended):
            break
        left = patience.seconds_left()
        if left <= 0:
            raise _timed_out(alive, plan)
        sleep(min(pause, left))
        pause = min(pause * plan.growth, plan.longest_seconds)
    return states


class _Patience:
    """With a gateway that gives no status: it may be silent for a while, or say when to come back."""

    def __init__(self, plan: PollingPlan, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._silence_seconds = plan.silence_seconds
        self._deadline = clock() + plan.deadline_seconds
        self._silent_since: float | None = None
        self._clock = clock
        self._sleep = sleep

    def seconds_left(self) -> float:
        return self._deadline - self._clock()

    def restore(self) -> None:
        self._silent_since = None

    def bear(self, job_id: str, error: Unavailable) -> None:
        if isinstance(error, Throttled) and error.retry_after_seconds is not None:
            self._come_back(error, error.retry_after_seconds)
            return
        now = self._clock()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > self._silence_seconds:
            raise error
        logger.warning("no status of job %s: %s", job_id, error.what)

    def _come_back(self, error: Throttled, seconds: float) -> None:
        # Whatever is asked before that time is refused as well.
        if seconds > self.seconds_left():
            raise error
        self.restore()
        logger.info("the gateway throttles; next status in %.0f s", seconds)
        self._sleep(seconds)


def _timed_out(alive: list[str], plan: PollingPlan) -> JobTimedOut:
    return JobTimedOut(
        f"{len(alive)} job(s) had not ended after {plan.deadline_seconds:.0f} s: {', '.join(alive)}.",
        "Look at the web service's queue, or raise BATCH_SCORING_RUN_TIMEOUT_SECONDS.",
        alive,
    )

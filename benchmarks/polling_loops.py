"""Three ways to wait for a job: the loop of the guide's program, that of azmlclient, and the poller of a run."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bes.pacing import Pacing, PacingPlan
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import JobState


class Time(Protocol):
    """The real one, or one that passes only when somebody waits."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def day_time(self) -> datetime:
        """The time of day."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class WatchedJob:
    """A started job, and what it cost to see its end.

    Args:
        time: In which it runs.
        status: One status call.
    """

    def __init__(self, time: Time, status: Callable[[], JobState]) -> None:
        self._time = time
        self._status = status
        self.n_calls = 0
        self.final: JobState | None = None
        self.noticed_at = time.day_time()

    def read_status(self, _job_id: str = "") -> JobState:
        """Its status."""
        self.n_calls += 1
        return self._status()

    def judge(self, _job_id: str, state: JobState) -> JobState:
        """As it is."""
        return state

    def changed(self, job_id: str, state: JobState) -> None:
        """Nothing to do."""

    def ended(self, _job_id: str, state: JobState) -> None:
        """The end is seen, and the loop's owner goes on."""
        self.final, self.noticed_at = state, self._time.day_time()


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """Of one job or in the mean: status calls, and seconds from its end to our going on."""

    n_calls: float
    delay_seconds: float


Loop = Callable[[Time, WatchedJob, float, random.Random], None]
"""Waits for a job; the number is how long the jobs before it took."""


def seed_loop(time: Time, job: WatchedJob, _expected: float, _rnd: random.Random) -> None:
    """Of the guide's program."""
    while not (state := job.read_status()).status.has_ended:
        time.sleep(1)
    job.ended("", state)


def azmlclient_loop(time: Time, job: WatchedJob, _expected: float, _rnd: random.Random) -> None:
    """Of azmlclient: it waits once more when it has the result, and only then goes on."""
    has_ended = False
    while not has_ended:
        state = job.read_status()
        has_ended = state.status.has_ended
        time.sleep(5)
    job.ended("", state)


def first_run_loop(time: Time, job: WatchedJob, _expected: float, rnd: random.Random) -> None:
    """Of a run of which none was before."""
    _ours(time, job, None, rnd)


def our_loop(time: Time, job: WatchedJob, expected: float, rnd: random.Random) -> None:
    """Of a run that knows the pace of an earlier one, or of the first jobs of its own."""
    _ours(time, job, expected, rnd)


def _ours(time: Time, job: WatchedJob, expected: float | None, rnd: random.Random) -> None:
    poll_jobs(
        job,
        JobFeed.of(["job"]),
        plan=PollingPlan(),
        pacing=Pacing(PacingPlan(), clock=time.clock, now=time.day_time, seconds_per_unit=expected, chance=rnd.random),
        clock=time.clock,
        sleep=time.sleep,
    )


LOOPS: dict[str, Loop] = {
    "seed, 1 s": seed_loop,
    "azmlclient, 5 s": azmlclient_loop,
    "ours, first run": first_run_loop,
    "ours, pace known": our_loop,
}

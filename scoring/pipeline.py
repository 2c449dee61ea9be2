"""The way of each shard through the steps of a run: while one uploads, another is scored, and a third comes home.

Each step of a shard is begun as soon as the one before has ended; a few steps of each kind are under way at a time.
"""

import contextlib
import heapq
import itertools
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any, Protocol, TypeVar

from bes.protocol import JobState, JobStatus
from scoring.isolation import Isolation
from scoring.jobs import judge_failure
from scoring.open_run import OpenRun
from scoring.plan import Job, Outcome, ScoredShard
from scoring.shards import Shard
from scoring.waiting import StartedJobs, known_end

_Result_co = TypeVar("_Result_co", covariant=True)
_Result = TypeVar("_Result")


class Pending(Protocol[_Result_co]):
    """A step that was begun; the futures of the standard library and of Prefect are such."""

    def add_done_callback(self, fn: Callable[[Any], None], /) -> None:
        """Let `fn` be called with this when the step has ended."""

    def result(self) -> _Result_co:
        """What came of it; raises what it raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps, each begun for one shard; how they are carried out is the caller's business.

    Args:
        upload: Uploads the input.
        submit: Registers a job.
        start: Starts a job.
        poll: Waits for all jobs that are added, until their feed is closed.
        download: Brings an output home and checks it; None stands for one that is not whole.
    """

    upload: Callable[[Shard], Pending[str]]
    submit: Callable[[Shard], Pending[Job]]
    start: Callable[[Job], Pending[Job]]
    poll: Callable[[StartedJobs], Pending[None]]
    download: Callable[[Job, JobState], Pending[ScoredShard | None]]


class _Lane(Enum):
    """Steps that wait for the same thing."""

    UPLOAD = auto()
    GATEWAY = auto()
    DOWNLOAD = auto()


# An upload holds twelve blocks of 4 MiB, each download eight; calls hold nothing, but more would only wait. A
# second upload took 60 MiB more, and 100 MB were not sooner there: one has eight connections.
_AT_ONCE = {_Lane.UPLOAD: 1, _Lane.GATEWAY: 4, _Lane.DOWNLOAD: 2}

_LAST_SECONDS = 30.0
"""A step that pauses before it is repeated cannot be woken; it finds that the run is over when it goes on."""

N_THREADS = sum(_AT_ONCE.values()) + 1
"""Steps that may be under way at a time, with the poller."""

_UPLOAD, _SUBMIT, _START, _DOWNLOAD = (_Lane.UPLOAD, 0), (_Lane.GATEWAY, 1), (_Lane.GATEWAY, 0), (_Lane.DOWNLOAD, 0)
"""Lane and rank of each step; a lower rank goes first."""


def score_shards(run: OpenRun, steps: Steps) -> Outcome:
    """One whole output for each shard of the run or for its parts, and the rows that the web service refuses.

    Raises:
        JobFailed: A shard was tried in vain, the search for refused rows reached its limit, or all rows are refused;
            quotes the service.
        JobTimedOut: The run's own deadline has passed.
    """
    return _Pipeline(run, steps).outcome()


class _Pipeline:
    def __init__(self, run: OpenRun, steps: Steps) -> None:
        self._run = run
        self._steps = steps
        self._isolation = Isolation(run)
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting: dict[_Lane, list[tuple[int, int, Callable[[], None]]]] = {lane: [] for lane in _Lane}
        self._under_way = dict.fromkeys(_Lane, 0)
        self._numbers = itertools.count()
        self._started = StartedJobs(lambda job, state: self._events.put(partial(self._ended, job, state)))
        self._n_open = 0
        self._is_polling = False
        self._is_over = False
        self._uploaded: set[str] = set()
        self._scored: dict[str, ScoredShard] = {}

    def outcome(self) -> Outcome:
        try:
            self._open(self._run.plan.shards)
            if self._n_open:
                self._begin_polling()
            while self._n_open or self._is_polling:
                self._events.get()()
                if not self._n_open:
                    self._started.feed.close()
        except BaseException:
            self._give_up()
            raise
        self._isolation.require_end(is_any_scored=bool(self._scored))
        in_order = sorted(self._scored.values(), key=lambda shard: shard.job.shard.first_row)
        return Outcome(scored=in_order, refused=self._isolation.refused)

    def _begin_polling(self) -> None:
        polling = self._steps.poll(self._started)
        self._is_polling = True
        polling.add_done_callback(lambda done: self._events.put(partial(self._polling_ended, done)))

    def _polling_ended(self, done: Pending[None]) -> None:
        self._is_polling = False
        done.result()

    def _give_up(self) -> None:
        """Let what is under way end; it asks before each effect whether the run goes on."""
        self._run.stop.set()
        self._is_over = True
        end = time.monotonic() + _LAST_SECONDS
        while (self._is_polling or any(self._under_way.values())) and time.monotonic() < end:
            # Errors of the others, or queue.Empty.
            with contextlib.suppress(Exception):
                self._events.get(timeout=_LAST_SECONDS / 10)()

    def _open(self, shards: list[Shard]) -> None:
        """Score what stands for these shards, as far as this execution may."""
        parts = self._isolation.affordable(part for shard in shards for part in self._isolation.parts_of(shard))
        self._n_open += len(parts)
        for part in parts:
            if part.name in self._uploaded:
                self._submit(part)
            else:
                self._plan(_UPLOAD, partial(self._steps.upload, part), partial(self._upload_ended, part))

    def _upload_ended(self, shard: Shard, _name: str) -> None:
        self._uploaded.add(shard.name)
        self._submit(shard)

    def _submit(self, shard: Shard) -> None:
        self._plan(_SUBMIT, partial(self._steps.submit, shard), self._start)

    def _start(self, job: Job) -> None:
        self._plan(_START, partial(self._steps.start, job), self._wait_for)

    def _wait_for(self, job: Job) -> None:
        state = known_end(self._run, job)
        if state is None:
            self._started.add(job)
        else:
            self._ended(job, state)

    def _ended(self, job: Job, state: JobState) -> None:
        if state.status is JobStatus.FINISHED:
            self._plan(_DOWNLOAD, partial(self._steps.download, job, state), partial(self._downloaded, job))
        else:
            judge_failure(self._run, job, state)
            self._again(job.shard)

    def _downloaded(self, job: Job, scored: ScoredShard | None) -> None:
        if scored is None:
            self._again(job.shard)
        else:
            self._scored[job.shard.name] = scored
            self._n_open -= 1

    def _again(self, shard: Shard) -> None:
        self._n_open -= 1
        self._open([shard])

    def _plan(
        self, step: tuple[_Lane, int], begin: Callable[[], Pending[_Result]], go_on: Callable[[_Result], None]
    ) -> None:
        """Begin a step when its lane has room, and go on with what comes of it."""
        lane, rank = step
        step_begins: Callable[[], None] = partial(self._begin, lane, begin, go_on)
        heapq.heappush(self._waiting[lane], (rank, next(self._numbers), step_begins))
        self._fill(lane)

    def _fill(self, lane: _Lane) -> None:
        while self._waiting[lane] and self._under_way[lane] < _AT_ONCE[lane] and not self._is_over:
            heapq.heappop(self._waiting[lane])[2]()

    def _begin(self, lane: _Lane, begin: Callable[[], Pending[_Result]], go_on: Callable[[_Result], None]) -> None:
        pending = begin()
        self._under_way[lane] += 1
        pending.add_done_callback(lambda done: self._events.put(partial(self._step_ended, lane, done, go_on)))

    def _step_ended(self, lane: _Lane, done: Pending[_Result], go_on: Callable[[_Result], None]) -> None:
        self._under_way[lane] -= 1
        result = done.result()
        self._fill(lane)
        go_on(result)

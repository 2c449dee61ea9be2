"""How far a run has come: jobs and rows, and when it will be done if it goes on like this."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.open_run import OpenRun
from scoring.shards import Shard

_DONE = (AttemptState.FINISHED, AttemptState.VERIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Jobs and rows of a run.

    Args:
        n_jobs: Shards, and parts of those that were halved.
        n_jobs_done: Those that have finished, and rows that are refused alone.
        seconds_left: At the pace since this execution began to wait; None while there is none.
    """

    n_jobs: int
    n_jobs_done: int
    n_rows: int
    n_rows_done: int
    seconds_left: float | None

    @property
    def percent(self) -> float:
        """Of the rows, 0 to 100."""
        return 100 * self.n_rows_done / self.n_rows if self.n_rows else 100.0


class ProgressMeter:
    """Looks at a run again and again.

    Args:
        run: Its journal is in memory, so that a look costs nothing.
        clock: Monotonic seconds.
    """

    def __init__(self, run: OpenRun, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._begun: tuple[float, int] | None = None

    def read(self) -> Progress:
        """How far the run is now."""
        last = {journal.shard.name: journal.last for journal in self._run.journals()}
        parts = [part for shard in self._run.plan.shards for part in _parts(shard, last)]
        done = [part for part in parts if _is_done(last.get(part.name))]
        n_rows, n_done = sum(part.n_rows for part in parts), sum(part.n_rows for part in done)
        return Progress(
            n_jobs=len(parts),
            n_jobs_done=len(done),
            n_rows=n_rows,
            n_rows_done=n_done,
            seconds_left=self._seconds_left(n_done, n_rows),
        )

    def _seconds_left(self, n_done: int, n_rows: int) -> float | None:
        # What an earlier execution has done says nothing about the pace of this one.
        now = self._clock()
        if self._begun is None:
            self._begun = (now, n_done)
        since, n_before = self._begun
        if n_done == n_rows:
            return 0.0
        if n_done <= n_before or now <= since:
            return None
        return (now - since) * (n_rows - n_done) / (n_done - n_before)


def _parts(shard: Shard, last: Mapping[str, Attempt | None]) -> Iterator[Shard]:
    attempt = last.get(shard.name)
    if attempt is None or attempt.verdict is not Verdict.HALVED:
        yield shard
        return
    for half in shard.halves():
        yield from _parts(half, last)


def _is_done(attempt: Attempt | None) -> bool:
    return attempt is not None and (attempt.state in _DONE or attempt.verdict is Verdict.REFUSED)

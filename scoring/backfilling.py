"""A range of run dates that are scored one after another: which there are, and what has become of each."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from bes.errors import ConfigurationError, InputError, ScoringError, Unavailable
from scoring.counted import be, counted
from scoring.run_dates import PLACE

MOST_DATES = 366
"""A year, and more than anybody wants to look through; a mistyped year is longer."""

CRASH_SECONDS = 180.0
"""An automation starts crashed runs again after a minute (automations.yaml); what is crashed after this stays so."""

OUTAGE_SECONDS = 3600.0
"""Longer than a server takes to be upgraded or moved; what is away for longer needs somebody who looks at it."""

_EARLIEST_ON_EARTH = timedelta(hours=14)


class Stage(StrEnum):
    """How far the run of a date is."""

    NOT_STARTED = "not started"
    WAITING = "waiting"
    RUNNING = "running"
    CRASHED = "crashed"
    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given up"


_LIVE = {Stage.WAITING, Stage.RUNNING}
_RETRIED = {Stage.CRASHED, Stage.FAILED, Stage.GIVEN_UP}


class DatesNotDone(ScoringError):
    """Some dates of a backfill were not scored.

    Args:
        dates: Those, in ISO form.
    """

    def __init__(self, what: str, next_step: str, dates: Sequence[str]) -> None:
        super().__init__(what, next_step, tuple(dates))
        self.dates = tuple(dates)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRun:
    """The flow run of one date, as it was last seen.

    Args:
        attempt: 1, and one more each time the date was begun anew.
        state: In Prefect's words.
        message: What Prefect says about the state.
    """

    run_date: date
    run_id: str
    name: str
    attempt: int
    stage: Stage
    state: str
    message: str = ""


def dates_between(first: date, last: date, *, now: datetime) -> tuple[date, ...]:
    """Every date from `first` to `last`, both included.

    Args:
        first: The earliest.
        last: The latest.
        now: With a time zone.

    Raises:
        InputError: The range is reversed, not over yet, or longer than `MOST_DATES`.
    """
    if last < first:
        raise InputError(f"The range {first} to {last} is reversed.", "Give the earlier date as first_date.")
    # By the calendar that is ahead of all others, since the run dates may follow any time zone.
    today = (now + _EARLIEST_ON_EARTH).date()
    if last > today:
        raise InputError(f"The date {last} is in the future.", "Choose a last_date that has come.")
    n_dates = (last - first).days + 1
    if n_dates > MOST_DATES:
        raise InputError(
            f"The range {first} to {last} has {n_dates:,} dates; a backfill takes {MOST_DATES} at most.",
            "Check the years, or split the range.",
        )
    return tuple(first + timedelta(days=day) for day in range(n_dates))


def require_run_date(inputs: Iterable[str], dates: Sequence[date]) -> None:
    """Refuse inputs that would be the same for every date.

    Raises:
        InputError: There are several dates, and no input has `{run_date}`.
    """
    given = list(inputs)
    if len(dates) > 1 and not any(PLACE in entry for entry in given):
        raise InputError(
            f"The inputs {given!r} are the same for each of the {len(dates)} dates.",
            f"Put {PLACE} where the date stands in their names.",
        )


def work_digest(deployment: str, parameters: Mapping[str, object]) -> str:
    """What names the work of a backfill apart from its dates: 12 hexadecimal digits.

    Args:
        deployment: Whose runs are started.
        parameters: Of these runs, as JSON has them; without run date and without `rescore`.
    """
    text = json.dumps([deployment, parameters], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Progress:
    """The dates of a backfill: which are done, which are under way, and which may be started.

    Args:
        dates: In the order in which they are started.
        found: What earlier executions left, several runs of a date in any order.
        at_once: Most runs that are under way at the same time.
        stop_at_failure: Start no other date after one that failed.
        begin_seconds: With no run going on, and nothing new for so long, the backfill ends.
        end_seconds: A run that goes on for longer is given up, and its date counts as not done.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        dates: Sequence[date],
        found: Iterable[DateRun],
        *,
        at_once: int,
        stop_at_failure: bool,
        begin_seconds: float,
        end_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.dates = tuple(dates)
        self.stalled: str | None = None
        self._at_once = at_once
        self._stop_at_failure = stop_at_failure
        self._begin_seconds = begin_seconds
        self._end_seconds = end_seconds
        self._clock = clock
        self._runs: dict[date, DateRun] = {}
        self._before: dict[date, int] = {}
        self._changed: dict[date, float] = {}
        self._last_change = clock()
        self._outage_since: float | None = None
        for run in sorted(found, key=lambda run: run.attempt):
            self._take(run)

    def _take(self, run: DateRun) -> None:
        if run.run_date not in self.dates:
            return
        self._before[run.run_date] = run.attempt
        self._runs.pop(run.run_date, None)
        # What failed in an earlier execution is what a backfill is repeated for.
        if run.stage not in _RETRIED:
            self.note(run)

    def note(self, run: DateRun) -> bool:
        """Keep how a run was seen; True when that is news."""
        known = self._runs.get(run.run_date)
        if known == run:
            return False
        if known is None or known.stage is not run.stage:
            self._changed[run.run_date] = self._clock()
        self._runs[run.run_date] = run
        self._before[run.run_date] = run.attempt
        self._last_change = self._clock()
        return True

    def note_outage(self) -> bool:
        """Keep that there was no answer about the runs; True when that is news.

        Raises:
            Unavailable: There has been none for too long.
        """
        if self._outage_since is None:
            self._outage_since = self._clock()
            return True
        seconds = self._clock() - self._outage_since
        if seconds >= OUTAGE_SECONDS:
            raise Unavailable(
                f"The Prefect server has not answered for {seconds / 60:.0f} minutes; the runs that were begun go on"
                " without it.",
                "When it is back, run it again: it takes up its runs and goes on with what is left.",
                True,
            )
        return False

    def note_answers(self) -> None:
        """Keep that everything was answered: what nobody could see does not count as silence of the runs."""
        if self._outage_since is not None:
            self._outage_since = None
            self._last_change = self._clock()

    def live(self) -> list[DateRun]:
        """The runs that are under way, or may yet be."""
        return [run for run in self._runs.values() if self._is_live(run)]

    def to_start(self) -> list[tuple[date, int]]:
        """The dates to start now, each with the number of its attempt."""
        if self.stalled or (self._stop_at_failure and any(self._is_lost(run) for run in self._runs.values())):
            return []
        room = max(self._at_once - len(self.live()), 0)
        waiting = [day for day in self.dates if day not in self._runs]
        return [(day, self._before.get(day, 0) + 1) for day in waiting[:room]]

    def is_over(self) -> bool:
        """True when nothing is under way and nothing is to be started. Ends what has taken too long."""
        self._give_up_runs()
        live = self.live()
        if live and self._outage_since is None and not any(run.stage is Stage.RUNNING for run in live):
            silent = self._clock() - self._last_change
            if silent >= self._begin_seconds:
                self.stalled = f"no run of it has begun for {silent / 60:.0f} minutes"
        return self.stalled is not None or (not live and not self.to_start())

    def table(self) -> list[DateRun]:
        """How each date was last seen; a date without a run has none of its fields."""
        return [
            self._runs.get(day, DateRun(run_date=day, run_id="", name="", attempt=0, stage=Stage.NOT_STARTED, state=""))
            for day in self.dates
        ]

    def require_all(self) -> None:
        """Do nothing when every date is done.

        Raises:
            ConfigurationError: No run of the backfill could begin.
            DatesNotDone: Names the dates that are not done.
        """
        missing = [run for run in self.table() if run.stage is not Stage.DONE]
        if not missing:
            return
        listed = ", ".join(f"{run.run_date} ({run.state or run.stage})" for run in missing)
        what = f"{len(missing)} of {counted(len(self.dates), 'date')} {be(len(missing))} not done: {listed}"
        if self.stalled:
            raise ConfigurationError(
                f"{what}; {self.stalled}.",
                "Look whether a worker serves the deployment's work pool, and whether pool and worker have room for a"
                " run beside the backfill itself. Then run the backfill again: it goes on with what is left.",
            )
        raise DatesNotDone(
            f"{what}.",
            "Their runs say why. Run the same backfill again: it repeats these dates alone.",
            [run.run_date.isoformat() for run in missing],
        )

    def _is_live(self, run: DateRun) -> bool:
        if run.stage is Stage.CRASHED:
            return self._clock() - self._changed[run.run_date] < CRASH_SECONDS
        return run.stage in _LIVE

    def _is_lost(self, run: DateRun) -> bool:
        return run.stage is not Stage.DONE and not self._is_live(run)

    def _give_up_runs(self) -> None:
        for run in self.live():
            seconds = self._clock() - self._changed[run.run_date]
            if run.stage is Stage.RUNNING and seconds >= self._end_seconds:
                message = f"still {run.state} after {seconds / 3600:.1f} hours"
                self._runs[run.run_date] = DateRun(
                    run_date=run.run_date,
                    run_id=run.run_id,
                    name=run.name,
                    attempt=run.attempt,
                    stage=Stage.GIVEN_UP,
                    state=run.state,
                    message=message,
                )

"""The dates of a backfill: which ranges are refused, which dates are started when, and when the wait ends."""

import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bes.errors import ConfigurationError, InputError, Unavailable
from scoring.backfilling import (
    CRASH_SECONDS,
    MOST_DATES,
    OUTAGE_SECONDS,
    DateRun,
    DatesNotDone,
    Progress,
    Stage,
    dates_between,
    require_run_date,
    work_digest,
)

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
MONDAY, TUESDAY, WEDNESDAY = DATES = dates_between(date(2026, 11, 2), date(2026, 11, 4), now=NOW)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def seen(day: date, stage: Stage, *, attempt: int = 1) -> DateRun:
    return DateRun(
        run_date=day, run_id=f"{day}-{attempt}", name=f"reviews {day}", attempt=attempt, stage=stage, state=str(stage)
    )


@pytest.fixture
def progress_of(clock: Clock) -> Callable[..., Progress]:
    def make(*found: DateRun, **changes: Any) -> Progress:
        rules: dict[str, Any] = {"at_once": 2, "stop_at_failure": False, "begin_seconds": 600.0, "end_seconds": 3600.0}
        return Progress(DATES, found, clock=clock, **{**rules, **changes})

    return make


def test_a_range_holds_both_its_ends_across_a_leap_day():
    assert dates_between(date(2024, 2, 28), date(2024, 3, 1), now=NOW) == (
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    )


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 4), date(2026, 11, 2), "is reversed"),
        (date(2026, 11, 28), date(2026, 11, 29), "2026-11-29 is in the future"),
        (date(2016, 11, 1), date(2026, 11, 1), "has 3,653 dates; a backfill takes 366 at most"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(first: date, last: date, words: str):
    with pytest.raises(InputError, match=words):
        dates_between(first, last, now=NOW)


def test_today_is_not_the_future_where_the_day_begins_first():
    evening = datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert dates_between(date(2026, 11, 28), date(2026, 11, 28), now=evening)
    with pytest.raises(InputError, match="future"):
        dates_between(date(2026, 11, 28), date(2026, 11, 28), now=evening - timedelta(minutes=1))


def test_the_longest_range_is_a_year():
    last = date(2026, 11, 27)
    assert len(dates_between(last - timedelta(days=MOST_DATES - 1), last, now=NOW)) == MOST_DATES


def test_inputs_that_are_the_same_for_several_dates_are_refused():
    with pytest.raises(InputError, match="are the same for each of the 3 dates"):
        require_run_date(["extracts/all.csv"], DATES)
    require_run_date(["static.csv", "extracts/{run_date}.csv"], DATES)
    require_run_date(["extracts/all.csv"], DATES[:1])


def test_the_same_work_has_the_same_digest_in_whatever_order_its_parameters_stand():
    one = work_digest("batch-scoring/on-demand", {"contract": "reviews", "inputs": ["a.csv"]})
    assert one == work_digest("batch-scoring/on-demand", {"inputs": ["a.csv"], "contract": "reviews"})
    assert one != work_digest("batch-scoring/on-demand", {"inputs": ["b.csv"], "contract": "reviews"})
    assert one != work_digest("batch-scoring/other", {"contract": "reviews", "inputs": ["a.csv"]})


def test_no_more_dates_are_under_way_than_asked_for(progress_of: Callable[..., Progress]):
    progress = progress_of()
    assert progress.to_start() == [(MONDAY, 1), (TUESDAY, 1)]
    for day in (MONDAY, TUESDAY):
        progress.note(seen(day, Stage.WAITING))
    assert progress.to_start() == []
    progress.note(seen(TUESDAY, Stage.DONE))
    assert progress.to_start() == [(WEDNESDAY, 1)]


def test_a_second_backfill_repeats_what_failed_takes_up_what_lives_and_leaves_what_is_done(
    progress_of: Callable[..., Progress],
):
    progress = progress_of(
        seen(TUESDAY, Stage.FAILED, attempt=2),
        seen(TUESDAY, Stage.CRASHED),
        seen(MONDAY, Stage.DONE),
        seen(WEDNESDAY, Stage.RUNNING),
        seen(date(2020, 1, 1), Stage.RUNNING),
    )
    assert [run.run_date for run in progress.live()] == [WEDNESDAY]
    assert progress.to_start() == [(TUESDAY, 3)]


def test_one_failed_date_stops_the_others_only_where_that_is_asked_for(progress_of: Callable[..., Progress]):
    for stops, expected in ((False, [(TUESDAY, 1), (WEDNESDAY, 1)]), (True, [])):
        progress = progress_of(stop_at_failure=stops)
        progress.note(seen(MONDAY, Stage.FAILED))
        assert progress.to_start() == expected
        assert progress.is_over() is stops


def test_the_end_names_the_dates_that_are_not_done(progress_of: Callable[..., Progress]):
    progress = progress_of(stop_at_failure=True)
    for day, stage in ((MONDAY, Stage.DONE), (TUESDAY, Stage.FAILED)):
        progress.note(seen(day, stage))
    with pytest.raises(DatesNotDone) as caught:
        progress.require_all()
    assert caught.value.dates == ("2026-11-03", "2026-11-04")
    assert "2 of 3 dates are not done: 2026-11-03 (failed), 2026-11-04 (not started)" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).dates == caught.value.dates


def test_a_backfill_is_over_when_every_date_has_ended(progress_of: Callable[..., Progress]):
    progress = progress_of(*[seen(day, Stage.DONE) for day in DATES])
    assert progress.is_over()
    progress.require_all()


def test_a_crashed_run_that_is_taken_up_again_in_time_is_not_lost(progress_of: Callable[..., Progress], clock: Clock):
    progress = progress_of(*[seen(day, Stage.DONE) for day in DATES[1:]])
    progress.note(seen(MONDAY, Stage.CRASHED))
    assert not progress.is_over()
    clock.now += CRASH_SECONDS / 2
    progress.note(seen(MONDAY, Stage.WAITING))
    clock.now += CRASH_SECONDS
    assert not progress.is_over()
    progress.note(seen(MONDAY, Stage.CRASHED))
    clock.now += CRASH_SECONDS
    assert progress.is_over()
    with pytest.raises(DatesNotDone, match="2026-11-02"):
        progress.require_all()


def test_runs_that_never_begin_end_the_backfill_with_what_to_look_at(
    progress_of: Callable[..., Progress], clock: Clock
):
    progress = progress_of()
    progress.note(seen(MONDAY, Stage.WAITING))
    clock.now += 599
    assert not progress.is_over()
    clock.now += 1
    assert progress.is_over()
    assert progress.to_start() == []
    with pytest.raises(ConfigurationError, match=r"no run of it has begun for 10 minutes.*worker"):
        progress.require_all()


def test_runs_may_wait_as_long_as_another_one_goes_on(progress_of: Callable[..., Progress], clock: Clock):
    progress = progress_of()
    progress.note(seen(MONDAY, Stage.RUNNING))
    progress.note(seen(TUESDAY, Stage.WAITING))
    clock.now += 3500
    assert not progress.is_over()


def test_a_run_without_end_is_given_up_and_the_others_go_on(progress_of: Callable[..., Progress], clock: Clock):
    progress = progress_of(at_once=1)
    progress.note(seen(MONDAY, Stage.RUNNING))
    clock.now += 3600
    assert not progress.is_over()
    assert progress.to_start() == [(TUESDAY, 1)]
    assert progress.table()[0].message == "still running after 1.0 hours"


def test_runs_that_wait_have_their_time_anew_after_an_outage(progress_of: Callable[..., Progress], clock: Clock):
    progress = progress_of()
    progress.note(seen(MONDAY, Stage.WAITING))
    clock.now += 500
    assert progress.note_outage()
    clock.now += 500
    assert not progress.is_over()
    progress.note_answers()
    clock.now += 599
    assert not progress.is_over()
    progress.note_answers()
    clock.now += 1
    assert progress.is_over()


def test_an_outage_is_told_once_and_ends_the_backfill_when_it_lasts(progress_of: Callable[..., Progress], clock: Clock):
    progress = progress_of()
    assert [progress.note_outage(), progress.note_outage()] == [True, False]
    clock.now += OUTAGE_SECONDS - 1
    assert not progress.note_outage()
    progress.note_answers()
    clock.now += 1
    assert progress.note_outage()
    clock.now += OUTAGE_SECONDS
    with pytest.raises(Unavailable, match=r"not answered for 60 minutes.*run it again"):
        progress.note_outage()

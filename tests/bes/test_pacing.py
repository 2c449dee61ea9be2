"""When a job is asked for, in fake time and without jitter."""

import itertools
import math
import statistics
from datetime import UTC, datetime, timedelta

import pytest

from bes.pacing import Pacing, PacingPlan, run_seconds
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import JobState, JobStatus

EPOCH = datetime(2024, 5, 1, tzinfo=UTC)


class Service:
    """Jobs that wait for so long and then run for so long, from the moment that they are first asked for."""

    def __init__(self, fake_time, queued_seconds=0.0, **run_seconds):
        self._time, self._queued, self._run = fake_time, queued_seconds, run_seconds
        self._begun = fake_time.now
        self.asked = {job_id: [] for job_id in run_seconds}
        self.noticed = {}

    def now(self):
        return EPOCH + timedelta(seconds=self._time.now - self._begun)

    def read_status(self, job_id):
        age = self._time.now - self._begun
        self.asked[job_id].append(round(age, 3))
        start, end = self._queued, self._queued + self._run[job_id]
        if age < start:
            return JobState(status=JobStatus.NOT_STARTED)
        times = {"start_time": (EPOCH + timedelta(seconds=start)).isoformat()}
        if age < end:
            return JobState(status=JobStatus.RUNNING, **times)
        return JobState(status=JobStatus.FINISHED, end_time=(EPOCH + timedelta(seconds=end)).isoformat(), **times)

    def judge(self, _job_id, state):
        return state

    def changed(self, job_id, state):
        pass

    def ended(self, job_id, _state):
        self.noticed[job_id] = self._time.now - self._begun - self._queued - self._run[job_id]


def poll(service, fake_time, *job_ids, **options):
    pacing = Pacing(PacingPlan(jitter=0), clock=fake_time.clock, now=service.now, **options)
    poll_jobs(
        service,
        JobFeed.of(job_ids),
        plan=PollingPlan(deadline_seconds=10**6),
        pacing=pacing,
        clock=fake_time.clock,
        sleep=fake_time.sleep,
    )


def test_pauses_grow_with_the_time_that_a_job_has_taken(fake_time):
    service = Service(fake_time, a=6000)
    poll(service, fake_time, "a")
    asked = service.asked["a"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert pauses == pytest.approx(sorted(pauses))
    assert [asked[0], pauses[0], max(pauses)] == pytest.approx([0.3, 0.97, 60])


@pytest.mark.parametrize("seconds", [2.0, 60.0, 3600.0])
def test_the_end_of_an_unknown_job_is_noticed_within_a_tenth_of_its_time(fake_time, seconds):
    service = Service(fake_time, a=seconds)
    poll(service, fake_time, "a")
    assert service.noticed["a"] <= max(0.1 * seconds, 0.97)
    assert len(service.asked["a"]) <= max(seconds / 5, 33)


def loop(pause, *, first, seconds):
    """Calls and delay of a client that asks in step, the first time at once."""
    n_pauses = math.ceil(seconds / pause)
    return n_pauses + 1, n_pauses * pause - seconds + first


EACH_SECOND, EACH_5_SECONDS_AND_ONCE_MORE = {"pause": 1, "first": 0}, {"pause": 5, "first": 5}
LIKE_JOBS = statistics.NormalDist(1, 0.05).quantiles(40)


def means(pairs):
    return [statistics.mean(each) for each in zip(*pairs, strict=True)]


def poll_like_jobs(fake_time, seconds, **options):
    pairs = []
    for part in LIKE_JOBS:
        service = Service(fake_time, a=part * seconds)
        poll(service, fake_time, "a", **options)
        pairs.append((len(service.asked["a"]), service.noticed["a"]))
    return means(pairs)


def beats(ours, plan, seconds):
    calls, delay = means(loop(**plan, seconds=part * seconds) for part in LIKE_JOBS)
    return ours[0] <= calls and ours[1] <= delay


@pytest.mark.parametrize("seconds", [1, 2, 5, 10, 30, 60, 120, 300, 900, 3600])
def test_jobs_that_are_foretold_cost_fewer_calls_and_are_noticed_sooner_than_by_loops(fake_time, seconds):
    ours = poll_like_jobs(fake_time, seconds, seconds_per_unit=seconds)
    assert beats(ours, EACH_5_SECONDS_AND_ONCE_MORE, seconds)
    # From there on, one call for ten of such a loop, at a hundredth of the job's time.
    assert beats(ours, EACH_SECOND, seconds) if seconds <= 60 else ours[0] < 0.1 * seconds and ours[1] < 0.01 * seconds


@pytest.mark.parametrize("seconds", [1, 2, 5, 10])
def test_short_unknown_jobs_cost_no_more_calls_and_are_noticed_no_later_than_by_a_loop(fake_time, seconds):
    assert beats(poll_like_jobs(fake_time, seconds), EACH_SECOND, seconds)


@pytest.mark.parametrize("seconds", [300, 900])
def test_long_unknown_jobs_cost_fewer_calls_and_are_noticed_sooner_than_by_a_slow_loop(fake_time, seconds):
    assert beats(poll_like_jobs(fake_time, seconds), EACH_5_SECONDS_AND_ONCE_MORE, seconds)


def test_a_job_twice_as_large_is_expected_to_take_twice_as_long(fake_time):
    service = Service(fake_time, a=30.0, b=60.0)
    poll(service, fake_time, "a", "b", work_of={"a": 100, "b": 200}.__getitem__, seconds_per_unit=0.3)
    assert service.asked["b"][0] == pytest.approx(0.87 * 60, abs=0.5)
    assert service.noticed["b"] <= 0.9


def test_a_job_in_the_queue_is_asked_for_no_sooner_than_it_could_end(fake_time):
    service = Service(fake_time, queued_seconds=100.0, a=20.0)
    poll(service, fake_time, "a", seconds_per_unit=20.0)
    assert len(service.asked["a"]) <= 10


def test_small_jobs_foretell_nothing_for_a_large_one(fake_time):
    small = {f"small-{number}": 1.0 for number in range(15)}
    service = Service(fake_time, **small, large=20.0)
    poll(service, fake_time, *small, "large", work_of=lambda job_id: 1000 if job_id == "large" else 1)
    assert service.noticed["large"] <= 0.25 * 20


def test_what_finished_jobs_took_is_learned(fake_time):
    service = Service(fake_time, a=40.0, b=80.0)
    poll(service, fake_time, "a", "b", work_of={"a": 1, "b": 2}.__getitem__)
    after = [moment for moment in service.asked["b"] if moment > service.asked["a"][-1]]
    assert after[0] == pytest.approx(0.87 * 80, abs=1)


def test_a_service_that_tells_no_times_teaches_nothing():
    assert run_seconds(JobState(status=JobStatus.FINISHED)) is None
    assert run_seconds(JobState(status=JobStatus.FINISHED, start_time="soon", end_time="later")) is None


def test_times_with_seven_digits_and_without_zone_are_read():
    state = JobState(
        status=JobStatus.FINISHED, start_time="2024-05-01T00:00:00.1234567Z", end_time="2024-05-01T00:00:02.1234567"
    )
    assert run_seconds(state) == pytest.approx(2)


def test_clients_do_not_ask_in_step(fake_time):
    chances = iter([0.0, 1.0])
    pacing = Pacing(PacingPlan(first_seconds=10, jitter=0.1), clock=fake_time.clock, chance=lambda: next(chances))
    assert [pacing.first("a") - fake_time.now, pacing.first("b") - fake_time.now] == pytest.approx([9, 11])

"""The polling loop in fake time: what it asks, when it asks, and how it ends."""

import itertools
import logging

import pytest

from bes.errors import JobTimedOut, ProtocolError, Throttled, Unavailable
from bes.pacing import Pacing, PacingPlan
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import JobState, JobStatus

NOT_STARTED, RUNNING, FAILED, CANCELLED, FINISHED = (JobState(status=status) for status in JobStatus)
AWAY = Unavailable("The gateway does not answer.", "Wait.", True)


class Service:
    """Answers each job's reads in turn, the last answer for ever; errors are raised, callables are called first."""

    def __init__(self, fake_time, **answers):
        self.asked = []
        self.changes = []
        self.ends = {}
        self._time = fake_time
        self._answers = {job_id: self._for_ever(states) for job_id, states in answers.items()}

    @staticmethod
    def _for_ever(states):
        return itertools.chain(states, itertools.repeat(states[-1]))

    def read_status(self, job_id):
        self.asked.append((round(self._time.now - 1000, 3), job_id))
        answer = next(self._answers[job_id])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def judge(self, _job_id, state):
        return state

    def changed(self, job_id, state):
        self.changes.append((job_id, state.status))

    def ended(self, job_id, state):
        self.ends[job_id] = state


class EverySecond(Pacing):
    """One second before the first question, and after each."""

    def __init__(self, fake_time, seconds):
        super().__init__(PacingPlan(first_seconds=seconds, share=0, jitter=0), clock=fake_time.clock)

    def learn(self, job_id, state):
        pass


def poll(service, job_ids, fake_time, *, every=1.0, feed=None, **plan):
    poll_jobs(
        service,
        feed or JobFeed.of(job_ids),
        plan=PollingPlan(**plan),
        pacing=EverySecond(fake_time, every),
        clock=fake_time.clock,
        sleep=fake_time.sleep,
    )
    return service.ends, service.changes


def test_no_jobs_are_no_wait(fake_time):
    assert poll(Service(fake_time), [], fake_time) == ({}, [])
    assert fake_time.sleeps == []


def test_a_job_that_has_ended_is_asked_for_once(fake_time):
    service = Service(fake_time, a=[FINISHED])
    states, _ = poll(service, ["a"], fake_time)
    assert states == {"a": FINISHED}
    assert service.asked == [(1, "a")]


def test_jobs_that_have_ended_are_not_asked_again(fake_time):
    service = Service(fake_time, a=[FINISHED], b=[RUNNING, FAILED], c=[RUNNING, RUNNING, CANCELLED])
    states, _ = poll(service, ["a", "b", "c"], fake_time)
    assert service.asked == [(1, "a"), (1, "b"), (1, "c"), (2, "b"), (2, "c"), (3, "c")]
    assert states == {"a": FINISHED, "b": FAILED, "c": CANCELLED}


def test_a_job_that_is_added_while_others_are_waited_for_is_waited_for_as_well(fake_time):
    feed = JobFeed(["a"])
    service = Service(fake_time, a=[RUNNING, FINISHED], b=[FINISHED])

    def add(job_id, state):
        Service.ended(service, job_id, state)
        if job_id == "a":
            feed.add("b")
        feed.close()

    service.ended = add
    states, _ = poll(service, [], fake_time, feed=feed)
    assert states == {"a": FINISHED, "b": FINISHED}
    # It is noticed at once, and asked for when its own first pause is over.
    assert service.asked[-1] == (3, "b")


def test_a_feed_that_is_open_beyond_the_deadline_is_an_error_too(fake_time):
    with pytest.raises(JobTimedOut, match=r"Not all jobs had been started after 25 s\."):
        poll(Service(fake_time), [], fake_time, feed=JobFeed(), deadline_seconds=25)
    assert fake_time.now == pytest.approx(1025, abs=0.1)


def test_the_deadline_holds_while_some_job_is_always_due(fake_time):
    service = Service(fake_time, a=[RUNNING], b=[RUNNING], c=[RUNNING])

    def slowly(job_id):
        # As where the gateway takes few calls: each question waits for longer than the pause before the next one.
        fake_time.now += 10
        return Service.read_status(service, job_id)

    service.read_status = slowly
    with pytest.raises(JobTimedOut):
        poll(service, ["a", "b", "c"], fake_time, deadline_seconds=60)
    assert fake_time.now <= 1060 + 4 * 10


def test_each_status_of_each_job_is_told_once_in_the_order_it_came(fake_time):
    service = Service(fake_time, a=[NOT_STARTED, NOT_STARTED, RUNNING, RUNNING, FINISHED], b=[RUNNING, RUNNING, FAILED])
    _, changes = poll(service, ["a", "b"], fake_time)
    assert changes == [
        ("a", JobStatus.NOT_STARTED),
        ("b", JobStatus.RUNNING),
        ("a", JobStatus.RUNNING),
        ("b", JobStatus.FAILED),
        ("a", JobStatus.FINISHED),
    ]


def test_an_error_of_the_listener_ends_the_wait(fake_time):
    service = Service(fake_time, a=[FAILED], b=[RUNNING])

    def refuse(job_id, state):
        raise ZeroDivisionError

    service.changed = refuse
    with pytest.raises(ZeroDivisionError):
        poll(service, ["a", "b"], fake_time)
    assert service.asked == [(1, "a")]


def test_the_deadline_is_an_error_that_carries_the_jobs_still_alive(fake_time):
    service = Service(fake_time, a=[RUNNING], b=[FINISHED], c=[NOT_STARTED])
    with pytest.raises(JobTimedOut, match=r"2 job\(s\) had not ended after 25 s: a, c\.") as caught:
        poll(service, ["a", "b", "c"], fake_time, every=10, deadline_seconds=25)
    assert caught.value.job_ids == ("a", "c")
    assert "BATCH_SCORING_RUN_TIMEOUT_SECONDS" in caught.value.next_step


def test_the_last_pause_ends_at_the_deadline_and_the_jobs_are_asked_once_more(fake_time):
    service = Service(fake_time, a=[RUNNING, RUNNING, FINISHED])
    states, _ = poll(service, ["a"], fake_time, every=10, deadline_seconds=25)
    assert fake_time.sleeps == [10, 10, 5]
    assert states == {"a": FINISHED}


def test_a_gateway_that_is_away_is_waited_for(fake_time, caplog):
    service = Service(fake_time, a=[RUNNING, AWAY, AWAY, FINISHED])
    with caplog.at_level(logging.WARNING):
        states, changes = poll(service, ["a"], fake_time)
    assert states == {"a": FINISHED}
    assert changes == [("a", JobStatus.RUNNING), ("a", JobStatus.FINISHED)]
    assert caplog.messages == ["no status of job a: The gateway does not answer."] * 2


def test_one_job_without_an_answer_does_not_keep_the_others_from_being_asked(fake_time):
    service = Service(fake_time, a=[AWAY, FINISHED], b=[FINISHED])
    states, _ = poll(service, ["a", "b"], fake_time)
    assert service.asked == [(1, "a"), (1, "b"), (1.5, "a")]
    assert states == {"a": FINISHED, "b": FINISHED}


def test_a_gateway_that_stays_away_is_an_error_after_the_silence_that_is_borne(fake_time):
    service = Service(fake_time, a=[RUNNING, AWAY])
    with pytest.raises(Unavailable) as caught:
        poll(service, ["a"], fake_time, every=10, silence_seconds=30)
    assert caught.value is AWAY
    # Pauses grow to eight seconds while nobody answers.
    assert [seconds for seconds, _ in service.asked] == [10, 20, 20.5, 21.5, 23.5, 27.5, 35.5, 43.5, 51.5]


def test_any_answer_ends_the_silence(fake_time):
    service = Service(fake_time, a=[*[AWAY, AWAY, AWAY, RUNNING] * 5, FINISHED])
    states, _ = poll(service, ["a"], fake_time, every=10, silence_seconds=30)
    assert states == {"a": FINISHED}


def test_one_call_that_hangs_for_longer_than_the_silence_is_not_the_end(fake_time):
    service = Service(fake_time, a=[RUNNING, FINISHED])
    hung = []

    def hang_once(job_id):
        if not hung:
            hung.append(job_id)
            fake_time.now += 240
            raise AWAY
        return Service.read_status(service, job_id)

    service.read_status = hang_once
    states, _ = poll(service, ["a"], fake_time, silence_seconds=120)
    assert states == {"a": FINISHED}
    assert hung == ["a"]


def test_nothing_is_asked_before_the_time_that_a_throttling_gateway_names(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[RUNNING, throttled, RUNNING, FINISHED], b=[RUNNING, FINISHED])
    states, _ = poll(service, ["a", "b"], fake_time)
    assert service.asked == [(1, "a"), (1, "b"), (2, "a"), (602, "b"), (602, "a"), (603, "a")]
    assert states == {"a": FINISHED, "b": FINISHED}


def test_throttling_beyond_the_deadline_is_an_error_at_once(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[RUNNING, throttled], b=[RUNNING])
    with pytest.raises(Throttled) as caught:
        poll(service, ["a", "b"], fake_time, deadline_seconds=500)
    assert caught.value is throttled
    assert service.asked == [(1, "a"), (1, "b"), (2, "a")]


def test_throttling_is_not_silence(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[AWAY, throttled, AWAY, FINISHED])
    states, _ = poll(service, ["a"], fake_time, silence_seconds=30)
    assert states == {"a": FINISHED}


def test_a_gateway_that_throttles_for_too_long_and_gives_no_time_is_an_outage(fake_time):
    throttled = Throttled("Rate limit is exceeded.", "Wait.", None)
    service = Service(fake_time, a=[RUNNING, throttled])
    with pytest.raises(Throttled):
        poll(service, ["a"], fake_time, every=10, silence_seconds=30)
    assert [seconds for seconds, _ in service.asked] == [10, 20, 20.5, 21.5, 23.5, 27.5, 35.5, 43.5, 51.5]


def test_any_other_error_ends_the_wait(fake_time):
    service = Service(fake_time, a=[ProtocolError("Not an answer.", "Look.")])
    with pytest.raises(ProtocolError):
        poll(service, ["a"], fake_time)
    assert len(service.asked) == 1

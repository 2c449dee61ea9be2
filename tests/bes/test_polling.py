"""The polling loop in fake time: what it asks, when it asks, and how it ends."""

import itertools
import logging

import pytest

from bes.errors import JobTimedOut, ProtocolError, Throttled, Unavailable
from bes.polling import PollingPlan, poll_jobs
from bes.protocol import JobState, JobStatus

NOT_STARTED, RUNNING, FAILED, CANCELLED, FINISHED = (JobState(status=status) for status in JobStatus)
AWAY = Unavailable("The gateway does not answer.", "Wait.", True)


class Service:
    """Answers each job's reads in turn, the last answer for ever; errors are raised, callables are called first."""

    def __init__(self, fake_time, **answers):
        self.asked = []
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


def poll(service, job_ids, fake_time, **plan):
    changes = []
    states = poll_jobs(
        service.read_status,
        job_ids,
        plan=PollingPlan(**plan),
        on_change=lambda job_id, state: changes.append((job_id, state.status)),
        clock=fake_time.clock,
        sleep=fake_time.sleep,
    )
    return states, changes


def test_no_jobs_are_no_wait(fake_time):
    assert poll(Service(fake_time), [], fake_time) == ({}, [])
    assert fake_time.sleeps == []


def test_a_job_that_has_ended_is_not_waited_for(fake_time):
    service = Service(fake_time, a=[FINISHED])
    states, _ = poll(service, ["a"], fake_time)
    assert states == {"a": FINISHED}
    assert service.asked == [(0, "a")]
    assert fake_time.sleeps == []


def test_pauses_grow_up_to_the_longest(fake_time):
    service = Service(fake_time, a=[RUNNING] * 7 + [FINISHED])
    poll(service, ["a"], fake_time, first_seconds=1, growth=2, longest_seconds=10)
    assert fake_time.sleeps == [1, 2, 4, 8, 10, 10, 10]


def test_the_default_plan_starts_at_half_a_second_and_never_pauses_longer_than_ten(fake_time):
    service = Service(fake_time, a=[RUNNING] * 12 + [FINISHED])
    poll(service, ["a"], fake_time)
    assert fake_time.sleeps[:4] == [0.5, 0.75, 1.125, 1.6875]
    assert fake_time.sleeps[-3:] == [10, 10, 10]


def test_jobs_that_have_ended_are_not_asked_again(fake_time):
    service = Service(fake_time, a=[FINISHED], b=[RUNNING, FAILED], c=[RUNNING, RUNNING, CANCELLED])
    states, _ = poll(service, ["a", "b", "c"], fake_time, first_seconds=1, growth=1)
    assert service.asked == [(0, "a"), (0, "b"), (0, "c"), (1, "b"), (1, "c"), (2, "c")]
    assert states == {"a": FINISHED, "b": FAILED, "c": CANCELLED}


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

    with pytest.raises(ZeroDivisionError):
        poll_jobs(
            service.read_status,
            ["a", "b"],
            plan=PollingPlan(),
            on_change=refuse,
            clock=fake_time.clock,
            sleep=fake_time.sleep,
        )
    assert service.asked == [(0, "a")]


def test_the_deadline_is_an_error_that_carries_the_jobs_still_alive(fake_time):
    service = Service(fake_time, a=[RUNNING], b=[FINISHED], c=[NOT_STARTED])
    with pytest.raises(JobTimedOut, match=r"2 job\(s\) had not ended after 25 s: a, c\.") as caught:
        poll(service, ["a", "b", "c"], fake_time, first_seconds=10, growth=1, deadline_seconds=25)
    assert caught.value.job_ids == ("a", "c")
    assert "BATCH_SCORING_RUN_TIMEOUT_SECONDS" in caught.value.next_step


def test_the_last_pause_ends_at_the_deadline_and_the_jobs_are_asked_once_more(fake_time):
    service = Service(fake_time, a=[RUNNING, RUNNING, RUNNING, FINISHED])
    states, _ = poll(service, ["a"], fake_time, first_seconds=10, growth=1, deadline_seconds=25)
    assert fake_time.sleeps == [10, 10, 5]
    assert states == {"a": FINISHED}


def test_a_gateway_that_is_away_is_waited_for(fake_time, caplog):
    service = Service(fake_time, a=[RUNNING, AWAY, AWAY, FINISHED])
    with caplog.at_level(logging.WARNING):
        states, changes = poll(service, ["a"], fake_time, first_seconds=1, growth=1)
    assert states == {"a": FINISHED}
    assert changes == [("a", JobStatus.RUNNING), ("a", JobStatus.FINISHED)]
    assert caplog.messages == ["no status of job a: The gateway does not answer."] * 2


def test_one_job_without_an_answer_does_not_keep_the_others_from_being_asked(fake_time):
    service = Service(fake_time, a=[AWAY, FINISHED], b=[FINISHED])
    states, _ = poll(service, ["a", "b"], fake_time, first_seconds=1)
    assert service.asked == [(0, "a"), (0, "b"), (1, "a")]
    assert states == {"a": FINISHED, "b": FINISHED}


def test_a_gateway_that_stays_away_is_an_error_after_the_silence_that_is_borne(fake_time):
    service = Service(fake_time, a=[RUNNING, AWAY])
    with pytest.raises(Unavailable) as caught:
        poll(service, ["a"], fake_time, first_seconds=10, growth=1, silence_seconds=30)
    assert caught.value is AWAY
    assert [seconds for seconds, _ in service.asked] == [0, 10, 20, 30, 40, 50]


def test_any_answer_ends_the_silence(fake_time):
    service = Service(fake_time, a=[*[AWAY, AWAY, AWAY, RUNNING] * 5, FINISHED])
    states, _ = poll(service, ["a"], fake_time, first_seconds=10, growth=1, silence_seconds=30)
    assert states == {"a": FINISHED}


def test_one_call_that_hangs_for_longer_than_the_silence_is_not_the_end(fake_time):
    service = Service(fake_time, a=[RUNNING, FINISHED])
    hung = []

    def hang_once(job_id):
        if not hung:
            hung.append(job_id)
            fake_time.now += 240
            raise AWAY
        return service.read_status(job_id)

    states = poll_jobs(
        hang_once, ["a"], plan=PollingPlan(silence_seconds=120), clock=fake_time.clock, sleep=fake_time.sleep
    )
    assert states == {"a": FINISHED}
    assert hung == ["a"]


def test_nothing_is_asked_before_the_time_that_a_throttling_gateway_names(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[RUNNING, throttled, RUNNING, FINISHED], b=[RUNNING, FINISHED])
    states, _ = poll(service, ["a", "b"], fake_time, first_seconds=1, growth=1)
    assert service.asked == [(0, "a"), (0, "b"), (1, "a"), (601, "b"), (602, "a"), (603, "a")]
    assert states == {"a": FINISHED, "b": FINISHED}


def test_throttling_beyond_the_deadline_is_an_error_at_once(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[RUNNING, throttled], b=[RUNNING])
    with pytest.raises(Throttled) as caught:
        poll(service, ["a", "b"], fake_time, first_seconds=1, growth=1, deadline_seconds=500)
    assert caught.value is throttled
    assert service.asked == [(0, "a"), (0, "b"), (1, "a")]


def test_throttling_is_not_silence(fake_time):
    throttled = Throttled("Out of call volume quota.", "Wait.", 600)
    service = Service(fake_time, a=[AWAY, throttled, AWAY, FINISHED])
    states, _ = poll(service, ["a"], fake_time, first_seconds=1, silence_seconds=30)
    assert states == {"a": FINISHED}


def test_a_gateway_that_throttles_for_too_long_and_gives_no_time_is_an_outage(fake_time):
    throttled = Throttled("Rate limit is exceeded.", "Wait.", None)
    service = Service(fake_time, a=[RUNNING, throttled])
    with pytest.raises(Throttled):
        poll(service, ["a"], fake_time, first_seconds=10, growth=1, silence_seconds=30)
    assert [seconds for seconds, _ in service.asked] == [0, 10, 20, 30, 40, 50]


def test_any_other_error_ends_the_wait(fake_time):
    service = Service(fake_time, a=[ProtocolError("Not an answer.", "Look.")])
    with pytest.raises(ProtocolError):
        poll(service, ["a"], fake_time)
    assert len(service.asked) == 1

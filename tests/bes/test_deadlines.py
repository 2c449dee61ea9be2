"""The three clocks of a job, in fake time."""

import pytest

from bes.deadlines import JobClocks, JobDeadlines
from bes.pacing import Pacing, PacingPlan
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import JobState, JobStatus

NOT_STARTED, RUNNING, FAILED, CANCELLED, FINISHED = (JobState(status=status) for status in JobStatus)


@pytest.fixture
def clocks(fake_time):
    return JobClocks(JobDeadlines(queued=10, progress=20, total=50), fake_time.clock)


def test_a_job_in_the_queue_for_too_long_is_overdue(clocks, fake_time):
    assert clocks.overdue("a", NOT_STARTED) is None
    fake_time.sleep(9)
    assert clocks.overdue("a", NOT_STARTED) is None
    fake_time.sleep(1)
    assert clocks.overdue("a", NOT_STARTED) == "it was still in the queue after 10 s"
    assert clocks.overdue("a", RUNNING) is None


def test_a_job_that_runs_is_overdue_when_nothing_changes(clocks, fake_time):
    clocks.overdue("a", RUNNING)
    fake_time.sleep(19)
    assert clocks.overdue("a", RUNNING) is None
    told_more = JobState(status=JobStatus.RUNNING, details="step 2")
    fake_time.sleep(1)
    assert clocks.overdue("a", told_more) is None
    fake_time.sleep(20)
    assert clocks.overdue("a", told_more) == "it ran without a sign of progress for 20 s"


def test_a_job_is_overdue_at_the_end_of_its_time_whatever_it_tells(clocks, fake_time):
    for step in range(5):
        assert clocks.overdue("a", JobState(status=JobStatus.RUNNING, details=str(step))) is None
        fake_time.sleep(10)
    assert clocks.overdue("a", JobState(status=JobStatus.RUNNING, details="last")) == "it had not ended after 50 s"


def test_each_job_has_its_own_clocks_and_they_run_on_between_two_waits(clocks, fake_time):
    clocks.watch("a")
    fake_time.sleep(10)
    assert clocks.overdue("b", NOT_STARTED) is None
    assert clocks.overdue("a", NOT_STARTED) is not None


class Overdue:
    """Jobs that never end, of which one that is overdue counts as cancelled."""

    def __init__(self, clocks, fake_time):
        self.clocks, self.time = clocks, fake_time
        self.cancelled = []
        self.ends = {}

    def read_status(self, job_id):
        return NOT_STARTED if job_id == "a" else FINISHED

    def judge(self, job_id, state):
        if self.clocks.overdue(job_id, state) is None:
            return state
        self.cancelled.append((job_id, self.time.now))
        return CANCELLED

    def changed(self, job_id, state):
        pass

    def ended(self, job_id, state):
        self.ends[job_id] = state


def test_the_loop_takes_the_state_that_the_watcher_gives_for_an_overdue_job(clocks, fake_time):
    service = Overdue(clocks, fake_time)
    poll_jobs(
        service,
        JobFeed.of(["a", "b"]),
        plan=PollingPlan(),
        pacing=Pacing(PacingPlan(first_seconds=1, share=0, jitter=0), clock=fake_time.clock),
        clock=fake_time.clock,
        sleep=fake_time.sleep,
    )
    assert service.cancelled == [("a", 1011.0)]
    assert service.ends == {"a": CANCELLED, "b": FINISHED}


def test_without_deadlines_no_job_is_overdue(fake_time):
    clocks = JobClocks(JobDeadlines(), fake_time.clock)
    clocks.watch("a")
    fake_time.sleep(10**9)
    assert clocks.overdue("a", NOT_STARTED) is None

"""The wait for jobs: one poller for all that are started, whose ends the journal knows before anybody is told."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from bes.client import BesClient
from bes.errors import NotFound
from bes.pacing import Pacing, PacingPlan
from bes.polling import JobFeed, PollingPlan, poll_jobs
from bes.protocol import JobState, JobStatus
from scoring.attempts import AttemptState, Verdict
from scoring.failures import is_about_rows, is_job_gone
from scoring.noticing import noticed_after_seconds
from scoring.open_run import OpenRun
from scoring.plan import Job
from scoring.shard_journal import ShardJournal
from scoring.shards import Shard

logger = logging.getLogger(__name__)

_ENDS = {
    JobStatus.FINISHED: AttemptState.FINISHED,
    JobStatus.FAILED: AttemptState.FAILED,
    JobStatus.CANCELLED: AttemptState.CANCELLED,
}


class StartedJobs:
    """The jobs that the one poller waits for. Jobs are added by the pipeline, while the poller waits.

    Args:
        on_end: Told each job and its final state.
    """

    def __init__(self, on_end: Callable[[Job, JobState], None]) -> None:
        self.on_end = on_end
        self.feed = JobFeed()
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Let a started job be waited for."""
        self._jobs[job.job_id] = job
        self.feed.add(job.job_id)

    def job(self, job_id: str) -> Job:
        """One that was added."""
        return self._jobs[job_id]


def wait_for_jobs(
    run: OpenRun,
    client: BesClient,
    started: StartedJobs,
    *,
    on_pause: Callable[[], None] = lambda: None,
    on_end: Callable[[Job, JobState], None] = lambda _job, _state: None,
) -> None:
    """Wait for all jobs that are added, until their feed is closed. The journal knows of each end before it is told.

    Args:
        run: It is held.
        client: For the web service.
        started: Jobs are added while it waits.
        on_pause: Called before each pause.
        on_end: Told each job and its final state, before it is handed on.

    Raises:
        JobTimedOut: The run's own deadline has passed.
    """

    def pause(seconds: float) -> None:
        on_pause()
        run.sleep(seconds)

    wait = _Wait(run, client, started, on_end)
    poll_jobs(
        wait,
        started.feed,
        plan=PollingPlan(deadline_seconds=run.seconds_left),
        pacing=Pacing(
            PacingPlan(),
            clock=time.monotonic,
            work_of=lambda job_id: started.job(job_id).shard.n_rows,
            seconds_per_unit=run.seconds_per_row,
        ),
        sleep=pause,
    )


def wait_for_job(run: OpenRun, client: BesClient, job: Job) -> JobState:
    """The final state of one started job. The journal knows of it."""
    known = known_end(run, job)
    if known is not None:
        return known
    ends: list[JobState] = []
    started = StartedJobs(lambda _job, state: ends.append(state))
    started.add(job)
    started.feed.close()
    wait_for_jobs(run, client, started)
    return ends[0]


def known_end(run: OpenRun, job: Job) -> JobState | None:
    """The state of a finished job of which the journal knows; None while the web service is to be asked."""
    last = run.journal_of(job.shard).last
    if last is None or last.state not in (AttemptState.FINISHED, AttemptState.VERIFIED):
        return None
    return JobState(
        status=JobStatus.FINISHED,
        created_at=last.service_created_at,
        start_time=last.service_start_time,
        end_time=last.service_end_time,
    )


class _Wait:
    """What happens while jobs are waited for."""

    def __init__(
        self, run: OpenRun, client: BesClient, started: StartedJobs, on_end: Callable[[Job, JobState], None]
    ) -> None:
        self._run = run
        self._client = client
        self._started = started
        self._on_end = on_end
        self._calls: Counter[str] = Counter()
        self._alive_at: dict[str, datetime] = {}

    def read_status(self, job_id: str) -> JobState:
        asked_at = datetime.now(UTC)
        self._calls[job_id] += 1
        try:
            state = self._client.status(job_id)
        except NotFound as error:
            if not is_job_gone(error):
                raise
            return JobState(status=JobStatus.CANCELLED, details=f"The web service does not know the job: {error.what}")
        if not state.status.has_ended:
            self._alive_at[job_id] = asked_at
        return state

    def judge(self, job_id: str, state: JobState) -> JobState:
        """Cancel a job that has passed a deadline."""
        reason = self._run.clocks.overdue(job_id, state)
        if reason is None:
            return state
        job = self._started.job(job_id)
        logger.warning("job %s of %s is cancelled: %s", job_id, job.shard.label, reason)
        self._run.check()
        journal = self._run.journal_of(job.shard)
        with journal.lock:
            journal.change(AttemptState.STARTED, cause=f"cancelled, since {reason}")
            self._client.delete(job_id)
        after = self.read_status(job_id)
        # It may have finished at this very moment, and then its output counts.
        if after.status is JobStatus.FINISHED:
            return after
        return JobState(status=JobStatus.CANCELLED, details=f"It was cancelled, since {reason}.")

    def changed(self, job_id: str, state: JobState) -> None:
        job = self._started.job(job_id)
        logger.info("job %s of %s is %s", job_id, job.shard.label, state.status)
        if state.status.has_ended:
            self._note_end(self._run.journal_of(job.shard), job_id, state)

    def ended(self, job_id: str, state: JobState) -> None:
        # Links to results are of no use here, and a signature in them would be handed on.
        job, ended = self._started.job(job_id), state.model_copy(update={"results": None})
        self._on_end(job, ended)
        self._started.on_end(job, ended)

    def _note_end(self, journal: ShardJournal, job_id: str, state: JobState) -> None:
        noticed_at, alive_at = datetime.now(UTC), self._alive_at.get(job_id)
        with journal.lock:
            attempt = journal.last
            late = noticed_after_seconds(attempt, state, alive_at=alive_at, noticed_at=noticed_at) if attempt else None
            journal.change(
                _ENDS[state.status],
                details=state.details,
                verdict=_verdict(journal.shard, state),
                service_created_at=state.created_at,
                service_start_time=state.start_time,
                service_end_time=state.end_time,
                status_calls=self._calls[job_id],
                noticed_after_seconds=late,
            )


def _verdict(shard: Shard, state: JobState) -> Verdict | None:
    if state.status is not JobStatus.FAILED or not is_about_rows(state.details):
        return None
    return Verdict.HALVED if shard.n_rows > 1 else Verdict.REFUSED

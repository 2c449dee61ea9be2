"""The steps of one shard: input up, job registered and started, output home. Each is written down before and after."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from bes.client import BesClient
from bes.errors import JobFailed, NotFound, ProtocolError, RemoteError, Unavailable
from bes.pacing import Pacing, PacingPlan
from bes.polling import PollingPlan, poll_jobs
from bes.protocol import JobRequest, JobState, JobStatus
from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.failures import is_about_rows
from scoring.open_run import OpenRun
from scoring.plan import Job
from scoring.shard_journal import ShardJournal
from scoring.shards import Shard
from scoring.started_jobs import StartedJobs

logger = logging.getLogger(__name__)

_SAS_MARGIN = timedelta(hours=1)
"""References outlive the deadline of the job, so that a job that ends late can still write its output."""

_PAUSE_SECONDS = 2.0
"""Before a submit whose answer was lost is followed by another: long enough for a restart of a gateway."""

_NOT_ABOUT_JOBS = {"WebServiceNotFound", "WebServiceIdNotFoundInWorkspace", "WorkspaceNotFound", "ModelPackageNotFound"}
"""The documented reasons of a 404 that say nothing about a job."""

_FOLLOWS = {
    Verdict.HALVED: "Its halves are scored, to find the rows that the service refuses.",
    Verdict.REFUSED: "The row is quarantined.",
}


def upload_shard(run: OpenRun, shard: Shard) -> str:
    """Upload what the web service is given, unless it is there; returns the blob's name."""
    run.check()
    work = run.plan.folder.work
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{shard.name}-sent.csv"
    try:
        shard.write_sent(path)
        run.check()
        blob = run.store.upload(path, run.input_name(shard))
    finally:
        path.unlink(missing_ok=True)
    logger.info("uploaded %s: %d bytes", shard.label, blob.size_bytes)
    return blob.name


def submit_shard(run: OpenRun, client: BesClient, shard: Shard) -> Job:
    """A registered job of the shard: the one that the journal knows, or a new one, which scores nothing until started.

    Raises:
        Unavailable: The request surely was not received, or answers were lost too often.
    """
    journal = run.journal_of(shard)
    with journal.lock:
        last = journal.last
        if last is not None and last.job_id is not None and not last.state.is_over:
            logger.info("%s goes on with job %s, which is %s", shard.label, last.job_id, last.state)
            return _job(shard, last)
        if last is not None and last.state is AttemptState.INTENT:
            _note_orphan(journal, "the process ended before it knew the job's id")
        while True:
            job = _submit_once(run, client, journal)
            if job is not None:
                return job
            run.sleep(_PAUSE_SECONDS)


def _submit_once(run: OpenRun, client: BesClient, journal: ShardJournal) -> Job | None:
    run.check()
    attempt = journal.add()
    try:
        job_id = client.submit(_request(run, attempt))
    except Unavailable as error:
        if not error.was_sent:
            journal.change(AttemptState.CANCELLED, cause=error.what)
            raise
        _note_orphan(journal, error.what)
        if journal.n_spent >= run.settings.max_attempts:
            raise
        return None
    except ProtocolError as error:
        _note_orphan(journal, error.what)
        raise
    except RemoteError as error:
        journal.change(AttemptState.FAILED, cause=error.what)
        raise
    attempt = journal.change(AttemptState.SUBMITTED, job_id=job_id)
    logger.info("submitted %s as job %s", journal.shard.label, job_id)
    return _job(journal.shard, attempt)


def start_shard(run: OpenRun, client: BesClient, job: Job) -> Job:
    """Start the registered job; harmless when it has been started already."""
    journal = run.journal_of(job.shard)
    with journal.lock:
        run.check()
        if journal.last is not None and journal.last.state is AttemptState.SUBMITTED:
            try:
                client.start(job.job_id)
            except NotFound as error:
                # The wait for its status will find the same, and another attempt is made then.
                if not _is_gone(error):
                    raise
                return job
            journal.change(AttemptState.STARTED)
            logger.info("started job %s of %s", job.job_id, job.shard.label)
    return job


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

    def read_status(self, job_id: str) -> JobState:
        try:
            return self._client.status(job_id)
        except NotFound as error:
            if not _is_gone(error):
                raise
            return JobState(status=JobStatus.CANCELLED, details=f"The web service does not know the job: {error.what}")

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
            _note_end(self._run.journal_of(job.shard), state)

    def ended(self, job_id: str, state: JobState) -> None:
        # Links to results are of no use here, and a signature in them would be handed on.
        job, ended = self._started.job(job_id), state.model_copy(update={"results": None})
        self._on_end(job, ended)
        self._started.on_end(job, ended)


def judge_failure(run: OpenRun, job: Job, state: JobState) -> None:
    """Decide whether a shard whose job ended in vain is tried again, unless the journal has its verdict.

    Raises:
        JobFailed: It is not; names the shard and quotes the service.
    """
    journal = run.journal_of(job.shard)
    failure = JobFailed(
        f"Job {job.job_id} of {job.shard.label} ended {state.status}: {state.details or 'no details given'}",
        "Mend what the service names in the input or the contract, then run again.",
        job.job_id,
        state.details,
    )
    if journal.last is not None and journal.last.verdict is not None:
        logger.warning("%s %s", failure.what, _FOLLOWS[journal.last.verdict])
        return
    if journal.n_spent >= run.settings.max_attempts:
        raise failure
    logger.warning("%s The shard is tried again.", failure.what)


def cancel_jobs(run: OpenRun, client: BesClient, *, cause: str) -> int:
    """Cancel the jobs of a run that has been given up; how many could not be cancelled and may still run."""
    n_left = 0
    for journal in run.journals():
        with journal.lock:
            last = journal.last
            if last is None or last.job_id is None or not last.state.may_live:
                continue
            try:
                client.delete(last.job_id)
            except RemoteError as error:
                logger.warning("job %s could not be cancelled and may still run: %s", last.job_id, error)
                n_left += 1
                continue
            logger.info("cancelled job %s of %s", last.job_id, journal.shard.label)
            _note_cancelled(journal, cause)
    return n_left


def _note_cancelled(journal: ShardJournal, cause: str) -> None:
    try:
        journal.change(AttemptState.CANCELLED, cause=cause)
    except RemoteError as error:
        logger.warning("the journal of %s does not know that its job is cancelled: %s", journal.shard.label, error)


def _request(run: OpenRun, attempt: Attempt) -> JobRequest:
    lifetime = timedelta(seconds=run.settings.job_timeout_seconds + run.settings.queued_timeout_seconds) + _SAS_MARGIN
    return JobRequest(
        inputs={run.plan.input_port: run.store.input_reference(attempt.input_blob, lifetime=lifetime)},
        outputs={run.plan.output_port: run.store.output_reference(attempt.output_blob, lifetime=lifetime)},
        global_parameters={},
    )


def _job(shard: Shard, attempt: Attempt) -> Job:
    if attempt.job_id is None:
        raise RuntimeError(f"attempt {attempt.number} of {shard.label} has no job")
    return Job(
        shard=shard,
        job_id=attempt.job_id,
        input_blob=attempt.input_blob,
        output_blob=attempt.output_blob,
        attempt=attempt.number,
    )


def _note_orphan(journal: ShardJournal, why: str) -> None:
    logger.warning("%s may have a job whose id is lost; it was not started and scores nothing", journal.shard.label)
    journal.change(AttemptState.FAILED, orphan_possible=True, cause=why)


def _note_end(journal: ShardJournal, state: JobState) -> None:
    ends = {
        JobStatus.FINISHED: AttemptState.FINISHED,
        JobStatus.FAILED: AttemptState.FAILED,
        JobStatus.CANCELLED: AttemptState.CANCELLED,
    }
    with journal.lock:
        journal.change(
            ends[state.status],
            details=state.details,
            verdict=_verdict(journal.shard, state),
            service_created_at=state.created_at,
            service_start_time=state.start_time,
            service_end_time=state.end_time,
        )


def _verdict(shard: Shard, state: JobState) -> Verdict | None:
    if state.status is not JobStatus.FAILED or not is_about_rows(state.details):
        return None
    return Verdict.HALVED if shard.n_rows > 1 else Verdict.REFUSED


def _is_gone(error: NotFound) -> bool:
    # Only the web service itself, asked for a job, can say that there is no such job.
    return bool(error.codes) and not _NOT_ABOUT_JOBS.intersection(error.codes)

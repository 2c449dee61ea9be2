"""The steps of one shard: input up, job registered and started. Each is written down before and after."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from bes.client import BesClient
from bes.errors import JobFailed, NotFound, ProtocolError, RemoteError, Unavailable
from bes.protocol import JobRequest, JobState
from scoring.attempts import Attempt, AttemptState, Verdict
from scoring.failures import is_job_gone
from scoring.kept import send_and_keep
from scoring.open_run import OpenRun
from scoring.plan import Job
from scoring.shard_journal import ShardJournal
from scoring.shards import Shard

logger = logging.getLogger(__name__)

_SAS_MARGIN = timedelta(hours=1)
"""References outlive the deadline of the job, so that a job that ends late can still write its output."""

_PAUSE_SECONDS = 2.0
"""Before a submit whose answer was lost is followed by another: long enough for a restart of a gateway."""

_FOLLOWS = {
    Verdict.HALVED: "Its halves are scored, to find the rows that the service refuses.",
    Verdict.REFUSED: "The row is quarantined.",
}


def upload_shard(run: OpenRun, shard: Shard) -> str:
    """Upload what the web service is given, unless it is there; returns the blob's name."""

    def content() -> Iterator[memoryview]:
        for piece in send_and_keep(shard, run.plan.folder.work):
            run.check()
            yield piece

    run.check()
    blob = run.store.upload(content, run.input_name(shard))
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
                if not is_job_gone(error):
                    raise
                return job
            journal.change(AttemptState.STARTED)
            logger.info("started job %s of %s", job.job_id, job.shard.label)
    return job


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
    """Cancel the jobs of a run that has been given up; how many could not be cancelled and may still run.

    One that has ended meanwhile stays as it ended.
    """
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
            # It may have ended a moment before, which the answer does not tell and its poller may.
            logger.info("told the web service to cancel job %s of %s", last.job_id, journal.shard.label)
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

"""One shard's job: input up, job registered and started, output home."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.errors import JobFailed, RemoteError
from bes.polling import PollingPlan, poll_jobs
from bes.protocol import JobRequest, JobState, JobStatus
from scoring.books import count_output
from scoring.plan import Job, RunPlan, ScoredShard
from scoring.shards import Shard

logger = logging.getLogger(__name__)

_SAS_MARGIN = timedelta(hours=1)
"""References outlive the deadline of the jobs, so that a job that ends late can still write its output."""


def upload_shard(store: BlobStore, plan: RunPlan, shard: Shard) -> str:
    """Upload what the web service is given; returns the blob's name."""
    store.ensure_container()
    blob = store.upload(shard.sent_path, plan.folder.blob_name("input", shard, plan.run_key))
    logger.info("uploaded %s: %d bytes", shard.label, blob.size_bytes)
    return blob.name


def submit_job(
    client: BesClient, store: BlobStore, plan: RunPlan, shard: Shard, input_blob: str, *, timeout_seconds: float
) -> Job:
    """Register the shard's job, which scores nothing until it is started."""
    lifetime = timedelta(seconds=timeout_seconds) + _SAS_MARGIN
    output_blob = plan.folder.blob_name("output", shard, plan.run_key)
    request = JobRequest(
        inputs={plan.input_port: store.input_reference(input_blob, lifetime=lifetime)},
        outputs={plan.output_port: store.output_reference(output_blob, lifetime=lifetime)},
        global_parameters={},
    )
    job_id = client.submit(request)
    logger.info("submitted %s as job %s", shard.label, job_id)
    return Job(shard=shard, job_id=job_id, input_blob=input_blob, output_blob=output_blob)


def start_job(client: BesClient, job: Job) -> Job:
    """Start the registered job; harmless when it has been started already."""
    client.start(job.job_id)
    logger.info("started job %s of %s", job.job_id, job.shard.label)
    return job


def wait_for_jobs(
    client: BesClient, jobs: Iterable[Job], *, timeout_seconds: float, sleep: Callable[[float], None]
) -> dict[str, JobState]:
    """The final state of each job, by job id.

    Raises:
        JobFailed: A job ended `Failed` or `Cancelled`; names the shard and quotes the service.
        JobTimedOut: Not all had ended in time.
    """
    by_id = {job.job_id: job for job in jobs}

    def tell(job_id: str, state: JobState) -> None:
        job = by_id[job_id]
        logger.info("job %s of %s is %s", job_id, job.shard.label, state.status)
        if state.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            raise _failure(job, state)

    return poll_jobs(
        client.status, by_id, plan=PollingPlan(deadline_seconds=timeout_seconds), on_change=tell, sleep=sleep
    )


def download_output(store: BlobStore, plan: RunPlan, job: Job, state: JobState) -> ScoredShard:
    """Bring a finished job's output home.

    Raises:
        NotFound: The job is finished, but its output is not there.
    """
    path = plan.folder.work / f"{job.shard.index:05d}-output.csv"
    output = store.download(job.output_blob, path)
    logger.info("downloaded the output of %s: %d bytes", job.shard.label, output.size_bytes)
    return ScoredShard(job=job, state=state, output=output, output_path=path)


def check_row_count(scored: ScoredShard) -> int:
    """Rows of the output, which are as many as were sent."""
    n_rows = count_output(scored.job.shard, scored.output_path)
    logger.info("%s came back with all %d rows", scored.job.shard.label, n_rows)
    return n_rows


def cancel_jobs(client: BesClient, jobs: Iterable[Job]) -> None:
    """Cancel jobs of a run that has been given up; goes on to the next when one cannot be cancelled."""
    for job in jobs:
        try:
            client.delete(job.job_id)
            logger.info("cancelled job %s of %s", job.job_id, job.shard.label)
        except RemoteError as error:
            logger.warning("job %s could not be cancelled and may still run: %s", job.job_id, error)


def _failure(job: Job, state: JobState) -> JobFailed:
    return JobFailed(
        f"Job {job.job_id} of {job.shard.label} ended {state.status}: {state.details or 'no details given'}",
        "Mend what the service names in the input or the contract, then run again.",
        job.job_id,
        state.details,
    )

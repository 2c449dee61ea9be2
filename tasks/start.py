"""Start a registered BES job."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring import jobs
from scoring.open_run import OpenRun
from scoring.plan import Job
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, may_pass


# Repeated after any outage: a job that runs already counts as started. Not cached: the service knows, not Prefect.
@task(
    task_run_name="start {job.shard.file} shard {job.shard.number}, attempt {job.attempt}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def start_job(job: Job, run: OpenRun) -> Job:
    """Start the job; returns it for the next step."""
    with run.client() as client:
        return jobs.start_shard(run, client, job)

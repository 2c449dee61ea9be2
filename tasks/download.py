"""Download a finished job's output."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.blobs import BlobStore
from bes.protocol import JobState
from bes.settings import StorageSettings
from scoring import jobs
from scoring.plan import Job, RunPlan, ScoredShard
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, may_pass


# Not cached: the file is needed here, not the knowledge that it once was.
@task(
    task_run_name="download shard {job.shard.index}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def download_output(job: Job, states: dict[str, JobState], plan: RunPlan) -> ScoredShard:
    """Bring the output home into the run's working folder."""
    with BlobStore(StorageSettings()) as store:
        return jobs.download_output(store, plan, job, states[job.job_id])

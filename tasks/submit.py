"""Register a shard's BES job through the gateway, without starting it."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.settings import EndpointSettings, StorageSettings
from scoring import jobs
from scoring.plan import Job, RunPlan
from scoring.shards import Shard
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, was_not_sent


# Not cached: a job belongs to the attempt that registered it.
@task(
    task_run_name="submit shard {shard.index}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=was_not_sent,
    cache_policy=NO_CACHE,
)
def submit_job(shard: Shard, input_blob: str, plan: RunPlan, timeout_seconds: float) -> Job:
    """Register the job; nothing is scored until it is started."""
    with BlobStore(StorageSettings()) as store, BesClient(EndpointSettings()) as client:
        return jobs.submit_job(client, store, plan, shard, input_blob, timeout_seconds=timeout_seconds)

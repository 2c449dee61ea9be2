"""Upload a shard's input to blob storage."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring import jobs
from scoring.open_run import OpenRun
from scoring.shards import Shard
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, may_pass


# Not cached: whether the blob is there is asked of the storage, not of Prefect.
@task(
    task_run_name="upload shard {shard.index}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def upload_shard(shard: Shard, run: OpenRun) -> str:
    """Upload what the web service is given; returns the blob's name."""
    return jobs.upload_shard(run, shard)

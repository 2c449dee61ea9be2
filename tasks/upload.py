"""Upload a shard's input to blob storage."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring import jobs
from scoring.open_run import OpenRun
from scoring.shards import Shard
from scoring.stages import Stage


# No retries: the storage SDK repeats what can pass by itself, and one layer is enough.
# Not cached: whether the blob is there is asked of the storage, not of Prefect.
@task(
    task_run_name="upload {shard.file} shard {shard.number}",
    cache_policy=NO_CACHE,
)
def upload_shard(shard: Shard, run: OpenRun) -> str:
    """Upload what the web service is given; returns the blob's name."""
    with run.stages.during(Stage.UPLOAD):
        return jobs.upload_shard(run, shard)

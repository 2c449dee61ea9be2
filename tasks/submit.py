"""Register a shard's BES job through the gateway, without starting it; or find the one that the journal knows."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from scoring import jobs
from scoring.open_run import OpenRun
from scoring.plan import Job
from scoring.shards import Shard
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, was_not_sent


def _name() -> str:
    # Prefect shows a task's parameters here as they were given, which is quoted where they come from a flow's thread.
    given = (task_run.parameters[name] for name in ("shard", "run"))
    shard, run = (one.unquote() if isinstance(one, quote) else one for one in given)
    return f"submit {shard.file} shard {shard.number}, attempt {run.journal_of(shard).next_number}"


# Not cached: which jobs there are is asked of the journal, not of Prefect.
@task(
    task_run_name=_name,
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=was_not_sent,
    cache_policy=NO_CACHE,
)
def submit_job(shard: Shard, run: OpenRun) -> Job:
    """Register the job; nothing is scored until it is started."""
    with run.client() as client:
        return jobs.submit_shard(run, client, shard)

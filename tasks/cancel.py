"""Give up a run: cancel its jobs, or leave them for the next execution when they are healthy."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.client import BesClient, CallLimits
from scoring.giving_up import give_up
from scoring.open_run import OpenRun

# Whoever cancels waits, and a worker ends the process after half a minute.
_LIMITS = CallLimits(read_seconds=20.0, throttled_seconds=10.0)


# Not cached: cancelling twice is harmless.
@task(task_run_name="cancel jobs", cache_policy=NO_CACHE)
def cancel_jobs(run: OpenRun, error: BaseException) -> None:
    """Cancel whatever of the run's jobs still lives, if it is over; close the run."""
    with BesClient(run.endpoint, limits=_LIMITS, governor=run.governor) as client:
        give_up(run, client, error)

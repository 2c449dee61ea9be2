"""Give up a run: cancel its jobs, or leave them for the next execution when they are healthy."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.client import BesClient
from scoring.giving_up import give_up
from scoring.open_run import OpenRun


# Not cached: cancelling twice is harmless.
@task(task_run_name="cancel jobs", cache_policy=NO_CACHE)
def cancel_jobs(run: OpenRun, error: BaseException) -> None:
    """Cancel whatever of the run's jobs still lives, if it is over; close the run."""
    with BesClient(run.endpoint, governor=run.governor) as client:
        give_up(run, client, error)

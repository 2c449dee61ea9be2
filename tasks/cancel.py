"""Cancel the jobs of a run that has been given up."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.client import BesClient
from bes.settings import EndpointSettings
from scoring import jobs
from scoring.plan import Job


# Not cached: cancelling twice is harmless.
@task(task_run_name="cancel jobs", cache_policy=NO_CACHE)
def cancel_jobs(submitted: list[Job]) -> None:
    """Cancel whatever of these jobs still lives."""
    with BesClient(EndpointSettings()) as client:
        jobs.cancel_jobs(client, submitted)

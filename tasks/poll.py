"""Poll the status of all jobs of a run in one place."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.client import BesClient
from bes.protocol import JobState
from scoring import jobs
from scoring.open_run import OpenRun
from scoring.plan import Job
from tasks.events import tell_failed_jobs


# One task for all jobs: a task for each would store twenty times the events. Outages are the loop's business, so there
# is nothing to retry. A run that is given up wakes it. Not cached: a status is never final here.
@task(task_run_name="poll all jobs", cache_policy=NO_CACHE)
def poll_status(started: list[Job], run: OpenRun) -> dict[str, JobState]:
    """The states of the jobs by job id, once all have ended or one has ended in vain."""
    with BesClient(run.endpoint, sleep=run.sleep) as client:
        states = jobs.wait_for_jobs(run, client, started)
    tell_failed_jobs(run, started, states)
    return states

"""Poll the status of all jobs of a run in one place."""

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring.open_run import OpenRun
from scoring.waiting import StartedJobs, wait_for_jobs
from tasks.events import tell_ended
from tasks.progress import ProgressBar


# One task for all jobs: a task for each would store twenty times the events. Outages are the loop's business, so there
# is nothing to retry. A run that is given up wakes it. Not cached: a status is never final here.
@task(task_run_name="poll all jobs", cache_policy=NO_CACHE)
def poll_status(started: StartedJobs, run: OpenRun, bar: ProgressBar) -> None:
    """Wait for all jobs that are added while it waits, and hand each on as soon as it has ended; the bar moves."""
    with run.client() as client:
        wait_for_jobs(run, client, started, on_pause=bar.move, on_end=partial(tell_ended, run))
    bar.move(at_once=True)

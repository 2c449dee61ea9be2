"""Poll the status of all jobs of a run in one place."""

import asyncio
import threading

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.client import BesClient
from bes.protocol import JobState
from bes.settings import EndpointSettings
from scoring import jobs
from scoring.plan import Job


# One task for all jobs: a task for each would store twenty times the events. Outages are the loop's business, so there
# is nothing to retry. Async, so that a cancelled run stops waiting at once. Not cached: a status is never final here.
@task(task_run_name="poll all jobs", cache_policy=NO_CACHE)
async def poll_status(started: list[Job], timeout_seconds: float) -> dict[str, JobState]:
    """The final state of each job, by job id."""
    stop = threading.Event()

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise _Stopped

    def wait() -> dict[str, JobState]:
        with BesClient(EndpointSettings(), sleep=sleep) as client:
            return jobs.wait_for_jobs(client, started, timeout_seconds=timeout_seconds, sleep=sleep)

    try:
        return await asyncio.to_thread(wait)
    finally:
        stop.set()


class _Stopped(Exception):
    """Ends the waiting thread of a cancelled run; nobody waits for its answer."""

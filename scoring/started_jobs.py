"""The jobs of a run that were started, as they are handed to the one poller."""

from collections.abc import Callable

from bes.polling import JobFeed
from bes.protocol import JobState
from scoring.plan import Job


class StartedJobs:
    """The jobs that the one poller waits for. Jobs are added by the pipeline, while the poller waits.

    Args:
        on_end: Told each job and its final state.
    """

    def __init__(self, on_end: Callable[[Job, JobState], None]) -> None:
        self.on_end = on_end
        self.feed = JobFeed()
        self._jobs: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Let a started job be waited for."""
        self._jobs[job.job_id] = job
        self.feed.add(job.job_id)

    def job(self, job_id: str) -> Job:
        """One that was added."""
        return self._jobs[job_id]

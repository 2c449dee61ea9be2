"""Download a finished job's output, and check that it is whole."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.errors import IntegrityError, NotFound
from bes.protocol import JobState
from scoring.open_run import OpenRun
from scoring.outputs import take_output
from scoring.plan import Job, ScoredShard
from scoring.stages import Stage
from tasks.events import tell_bad_output


# No retries: the storage SDK repeats what can pass by itself, and one layer is enough.
# Not cached: the file is needed here, not the knowledge that it once was.
@task(
    task_run_name="download {job.shard.file} shard {job.shard.number}, attempt {job.attempt}",
    cache_policy=NO_CACHE,
)
def download_output(job: Job, state: JobState, run: OpenRun) -> ScoredShard | None:
    """Bring the output home into the run's working folder; None when it is not whole and the shard is tried again."""
    try:
        with run.stages.during(Stage.DOWNLOAD):
            scored = take_output(run, job, state)
    except (NotFound, IntegrityError):
        tell_bad_output(run, job)
        raise
    if scored is None:
        tell_bad_output(run, job)
    return scored

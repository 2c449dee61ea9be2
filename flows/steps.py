"""The steps of a run's shards as Prefect tasks: the order of steps is not known here."""

from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from scoring.open_run import OpenRun
from scoring.pipeline import N_THREADS, Steps
from tasks.download import download_output
from tasks.poll import poll_status
from tasks.progress import ProgressBar
from tasks.retrying import RetrySettings
from tasks.start import start_job
from tasks.submit import submit_job
from tasks.upload import upload_shard


def few_threads() -> TaskRunner[PrefectFuture[Any]]:
    """Threads for a flow that takes these steps."""
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=N_THREADS))


def steps_of(run: OpenRun, retries: RetrySettings) -> Steps:
    """The steps, each begun as a task run in a thread.

    Args:
        run: Whose shards they are.
        retries: Of the steps that may be repeated.
    """
    # Quoted, or Prefect would look for futures in the run's whole plan each time.
    same, bar = cast("Any", quote(run)), cast("Any", quote(ProgressBar(run)))
    submit, start = retries.applied_to(submit_job), retries.applied_to(start_job)
    return Steps(
        upload=lambda shard: upload_shard.submit(quote(shard), same),
        submit=lambda shard: submit.submit(quote(shard), same),
        start=lambda job: start.submit(quote(job), same),
        poll=lambda started: poll_status.submit(quote(started), same, bar),
        download=lambda job, state: download_output.submit(quote(job), quote(state), same),
    )

"""The steps of a run's shards as Prefect tasks: the order of steps is not known here."""

from typing import Any, TypeVar, cast

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

_Value = TypeVar("_Value")


def few_threads() -> TaskRunner[PrefectFuture[Any]]:
    """Threads for a flow that takes these steps."""
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=N_THREADS))


def steps_of(run: OpenRun, retries: RetrySettings) -> Steps:
    """The steps, each begun as a task run in a thread.

    Args:
        run: Whose shards they are.
        retries: Of the steps that may be repeated.
    """
    same, bar = _as_it_is(run), _as_it_is(ProgressBar(run))
    submit, start = retries.applied_to(submit_job), retries.applied_to(start_job)
    return Steps(
        upload=lambda shard: upload_shard.submit(_as_it_is(shard), same),
        submit=lambda shard: submit.submit(_as_it_is(shard), same),
        start=lambda job: start.submit(_as_it_is(job), same),
        poll=lambda started: poll_status.submit(_as_it_is(started), same, bar),
        download=lambda job, state: download_output.submit(_as_it_is(job), _as_it_is(state), same),
    )


def _as_it_is(value: _Value) -> _Value:
    # Or Prefect would look for futures in all of the run's plan each time; it hands the task what was quoted.
    return cast("_Value", quote(value))

"""The steps of a run's shards as Prefect tasks: the order of rounds is not known here."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from prefect import unmapped
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from scoring.open_run import OpenRun
from scoring.rounds import Steps
from tasks.download import download_output
from tasks.poll import poll_status
from tasks.progress import ProgressBar
from tasks.retrying import RetrySettings
from tasks.start import start_job
from tasks.submit import submit_job
from tasks.upload import upload_shard

_Result = TypeVar("_Result")


def few_threads() -> TaskRunner[PrefectFuture[Any]]:
    """Threads for a flow that takes these steps."""
    # By default there is a thread for each shard, and each holds its own connections and blocks of 8 MiB.
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=8))


def steps_of(run: OpenRun, retries: RetrySettings) -> Steps:
    """The steps, each for several shards side by side.

    Args:
        run: Whose shards they are.
        retries: Of the steps that may be repeated.
    """
    same, bar = unmapped(run), ProgressBar(run)
    submit, start = retries.applied_to(submit_job), retries.applied_to(start_job)
    return Steps(
        upload=lambda shards: _all(upload_shard.map(shards, same)),
        submit=lambda shards: _all(submit.map(shards, same)),
        start=lambda jobs: _all(start.map(jobs, same)),
        poll=lambda jobs: poll_status(jobs, run, bar),
        download=lambda jobs, states: _all(download_output.map(jobs, unmapped(states), same)),
    )


def _all(futures: Iterable[PrefectFuture[_Result]]) -> list[_Result]:
    pending = list(futures)
    return [future.result() for future in pending]

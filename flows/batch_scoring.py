"""The main job: score CSV files through the web service, prove that every row is accounted for, leave evidence."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Annotated, TypeVar

from prefect import flow, unmapped
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from pydantic import Field

from scoring.plan import Job
from scoring.settings import RunSettings
from scoring.summary import RunSummary
from tasks.artifacts import write_artifacts
from tasks.cancel import cancel_jobs
from tasks.check import check_row_count
from tasks.download import download_output
from tasks.poll import poll_status
from tasks.start import start_job
from tasks.submit import submit_job
from tasks.upload import upload_shard
from tasks.validate import validate_input

_Result = TypeVar("_Result")

# Our own lines belong on the run's page, wherever the flow is run; PREFECT_LOGGING_EXTRA_LOGGERS brings them there.
for _package in ("bes", "scoring", "tasks", "flows"):
    logging.getLogger(_package).setLevel(logging.INFO)


@flow(name="batch-scoring", flow_run_name="{contract}", validate_parameters=True)
async def batch_scoring(
    inputs: Annotated[list[str], Field(min_length=1, description="CSV files, folders of them, or glob patterns.")],
    contract: Annotated[str, Field(description="Name of a contract, or path of its YAML file.")] = "book_reviews",
    rows_per_job: Annotated[int | None, Field(ge=1, description="Most rows that one BES job is given.")] = None,
) -> RunSummary:
    """Score CSV files and account for every row.

    Raises:
        InputError: The input or the contract is wrong; nothing was sent.
        RemoteError: The gateway, the web service or the storage failed; jobs of this run are cancelled.
    """
    settings = RunSettings()
    if rows_per_job is not None:
        settings = settings.model_copy(update={"rows_per_job": rows_per_job})
    attempt = (flow_run.id or "local").replace("-", "")[:12]

    plan = await asyncio.to_thread(validate_input, inputs, contract, settings, attempt)
    submitted: list[Job] = []
    try:
        uploaded = await _all(upload_shard.map(plan.shards, unmapped(plan)))
        submitting = submit_job.map(plan.shards, uploaded, unmapped(plan), settings.job_timeout_seconds)
        submitted = await _all(submitting)
        started = await _all(start_job.map(submitted))
        states = await poll_status(started, settings.job_timeout_seconds)
        scored = await _all(download_output.map(started, unmapped(states), unmapped(plan)))
        books = await asyncio.to_thread(check_row_count, scored, plan)
        return await asyncio.to_thread(write_artifacts, plan, scored, books)
    except BaseException:
        # Given up, for whatever reason: a job that nobody waits for must not run on.
        await asyncio.to_thread(cancel_jobs, submitted)
        raise
    finally:
        plan.folder.discard_work()


async def _all(futures: Iterable[PrefectFuture[_Result]]) -> list[_Result]:
    # Waits in a thread, so that a cancelled run stops here and not when the last of them has ended.
    pending = list(futures)
    return await asyncio.to_thread(lambda: [future.result() for future in pending])

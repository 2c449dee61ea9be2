"""Score a range of run dates: one run of a deployment for each of them, some at a time."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.parameters import ContractReference, FilePath, RunDate
from flows.run_logs import bring_logs_to_runs
from scoring.backfilling import Progress, dates_between, require_run_date
from tasks.backfill import BackfillOrder, check_deployment, find_runs, list_dates, run_dates
from tasks.published_rows import count_published_rows

bring_logs_to_runs()


# Of the same name as the flow that it starts, so that their deployments stand together: a deployment has parameters and
# an entrypoint of its own.
@flow(name="batch-scoring", flow_run_name="{contract} {first_date} to {last_date}", validate_parameters=True)
async def backfill(  # noqa: PLR0913, PLR0917 (each is a field of the form)
    first_date: RunDate,
    last_date: RunDate,
    inputs: Annotated[list[FilePath], Field(min_length=1)],
    contract: ContractReference = "book_reviews",
    rows_per_job: Annotated[int | None, Field(ge=1)] = None,
    rescore: bool = False,
    at_once: Annotated[int, Field(ge=1, le=50)] = 2,
    stop_at_failure: bool = False,
    deployment: Annotated[str, Field(pattern="^[^/]+/[^/]+$")] = "batch-scoring/on-demand",
    other_parameters: dict[str, Any] = {},  # noqa: B006 (Prefect copies it; a form needs a default)
    begin_within_minutes: Annotated[float, Field(gt=0)] = 60,
    end_within_hours: Annotated[float, Field(gt=0)] = 13,
) -> None:
    """Score every date of the range that is not done. Begun before, it goes on with the runs that it finds.

    Args:
        first_date: First run date.
        last_date: Last run date, included.
        inputs: CSV files, folders of them, or glob patterns, with {run_date} in their names.
        contract: Name of a contract, or path of its YAML file.
        rows_per_job: Most rows that one BES job is given; by default what the worker's settings say.
        rescore: Score again the dates that are done.
        at_once: Most dates that are under way at the same time.
        stop_at_failure: Begin no other date after one that failed.
        deployment: The deployment of which each date is a run.
        other_parameters: Further parameters of the runs, as that deployment has them.
        begin_within_minutes: With no run under way and none that begins for so long, the backfill ends.
        end_within_hours: A run that goes on for longer is not waited for any more.

    Raises:
        InputError: The range or the inputs are wrong; nothing was started.
        ConfigurationError: The deployment cannot do it, and nothing was started; or none of its runs began.
        Unavailable: The Prefect server was away for an hour.
        DatesNotDone: Names the dates whose runs did not complete.
    """
    dates = dates_between(first_date, last_date, now=datetime.now(UTC))
    require_run_date(inputs, dates)
    given: dict[str, Any] = {"inputs": inputs, "contract": contract, "rows_per_job": rows_per_job}
    order = BackfillOrder(
        deployment=deployment,
        parameters={**other_parameters, **{name: value for name, value in given.items() if value is not None}},
        contract=contract,
        rescore=rescore,
        flow_run=str(flow_run.id),
    )
    await check_deployment(order)
    progress = Progress(
        dates,
        await find_runs(order),
        at_once=at_once,
        stop_at_failure=stop_at_failure,
        begin_seconds=begin_within_minutes * 60.0,
        end_seconds=end_within_hours * 3600.0,
        clock=time.monotonic,
    )
    progress = await run_dates(order, progress)
    rows = await asyncio.to_thread(count_published_rows, contract, other_parameters.get("storage"))
    await list_dates(order, progress, rows)
    progress.require_all()

"""Look at a given hour whether the input of the day has come, so that somebody hears of it before the run fails."""

import asyncio
from datetime import timedelta
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from flows.parameters import ContractReference, FilePath, RunDate
from flows.run_logs import bring_logs_to_runs
from scoring.run_dates import TimeZone, run_date_of
from tasks.input_watch import look_for_input

bring_logs_to_runs()


@flow(name="input-watch", flow_run_name="{contract}", validate_parameters=True)
async def input_watch(
    inputs: Annotated[list[FilePath], Field(min_length=1)],
    contract: ContractReference,
    run_date: RunDate | None = None,
    time_zone: TimeZone = "UTC",
    changed_within_hours: Annotated[float | None, Field(gt=0, le=8760)] = None,
) -> list[str]:
    """The inputs that name no new file. The event `batch-scoring.input.missing` tells of them; this is no failure.

    Args:
        inputs: CSV files, folders of them, or glob patterns; {run_date} in them becomes the run date.
        contract: Name of the contract, by which the alarm calls the data set.
        run_date: The date whose input is looked for; by default when this was scheduled.
        time_zone: The schedule's: in it, the time for which this was scheduled tells the run date.
        changed_within_hours: A file that has not changed for longer is not new; needed without {run_date}.

    Raises:
        ConfigurationError: An input names the same files every day, and nothing says which of them are new.
    """
    day = run_date or run_date_of(flow_run.scheduled_start_time, time_zone)
    changed_within = None if changed_within_hours is None else timedelta(hours=changed_within_hours)
    return await asyncio.to_thread(look_for_input, inputs, contract, day, changed_within)

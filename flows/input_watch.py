"""Look at a given hour whether the input of the day has come, so that somebody hears of it before the run fails."""

import asyncio
import logging
from datetime import date, timedelta
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from scoring.run_dates import TimeZone, run_date_of
from tasks.input_watch import look_for_input

# Our own lines belong on the run's page, wherever the flow is run; PREFECT_LOGGING_EXTRA_LOGGERS brings them there.
for _package in ("scoring", "tasks"):
    logging.getLogger(_package).setLevel(logging.INFO)


@flow(name="input-watch", flow_run_name="{contract}", validate_parameters=True)
async def input_watch(
    inputs: Annotated[
        list[str],
        Field(
            min_length=1,
            description="CSV files, folders of them, or glob patterns; {run_date} in them becomes the run date.",
        ),
    ],
    contract: Annotated[str, Field(description="Name of the contract, by which the alarm calls the data set.")],
    run_date: Annotated[
        date | None, Field(description="The date whose input is looked for; by default when this was scheduled.")
    ] = None,
    time_zone: Annotated[
        TimeZone, Field(description="The schedule's: in it, the time for which this was scheduled tells the run date.")
    ] = "UTC",
    changed_within_hours: Annotated[
        float | None,
        Field(
            gt=0, le=8760, description="A file that has not changed for longer is not new; needed without {run_date}."
        ),
    ] = None,
) -> list[str]:
    """The inputs that name no new file. The event `batch-scoring.input.missing` tells of them; this is no failure.

    Raises:
        ConfigurationError: An input names the same files every day, and nothing says which of them are new.
    """
    day = run_date or run_date_of(flow_run.scheduled_start_time, time_zone)
    changed_within = None if changed_within_hours is None else timedelta(hours=changed_within_hours)
    return await asyncio.to_thread(look_for_input, inputs, contract, day, changed_within)

"""What runs are called in Prefect: a person finds last night's run by its name."""

from pathlib import PurePath
from typing import Any

from prefect.runtime import flow_run

from scoring.run_dates import run_date_of


def dated_name() -> str:
    """Name of a flow run: its contract, and the date under which it publishes."""
    parameters: dict[str, Any] = flow_run.parameters
    time_zone = str(parameters.get("time_zone", "UTC"))
    day = parameters.get("run_date") or run_date_of(flow_run.scheduled_start_time, time_zone)
    return f"{PurePath(str(parameters.get('contract', ''))).stem} {day}"

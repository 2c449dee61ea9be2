"""What runs are called in Prefect: a person finds last night's run by its name."""

from pathlib import PurePath
from typing import Any

from prefect.runtime import flow_run


def dated_name() -> str:
    """Name of a flow run: the contract, and the date under which it publishes or for which it was scheduled."""
    parameters: dict[str, Any] = flow_run.parameters
    scheduled = flow_run.scheduled_start_time
    day = parameters.get("run_date") or (scheduled.date() if scheduled else "")
    return f"{PurePath(str(parameters.get('contract', ''))).stem} {day}".strip()

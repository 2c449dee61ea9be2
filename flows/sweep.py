"""Clean up after runs whose process died and was never replaced, and after runs that have served their time.

Hooks of a cancelled or crashed flow run may never be called, so this flow is scheduled on its own.
"""

from datetime import timedelta
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.run_logs import bring_logs_to_runs
from scoring.sweeping import LiveJobs, SweepRules, Swept
from tasks.connections import resolve_connections
from tasks.retrying import DEFAULT_RETRIES, RetrySettings
from tasks.sweep import sweep_runs

bring_logs_to_runs()


@flow(name="sweep", validate_parameters=True)
def sweep(
    live_jobs: Annotated[
        LiveJobs, Field(description="Cancel the live jobs of abandoned runs, or leave them to be taken up.")
    ] = "delete",
    idle_minutes: Annotated[int, Field(ge=0, description="So long must nobody have written about a run.")] = 15,
    keep_days: Annotated[
        int | None, Field(ge=0, description="Days for which inputs and outputs are kept; none for ever.")
    ] = 30,
    retries: Annotated[
        RetrySettings, Field(description="How often and how patiently the sweep is repeated after an outage.")
    ] = DEFAULT_RETRIES,
) -> list[Swept]:
    """Find runs whose lease has ended, cancel their live jobs, and remove blobs that are old enough."""
    connections = resolve_connections()
    endpoint = connections.endpoint
    rules = SweepRules(
        live_jobs=live_jobs,
        idle=timedelta(minutes=idle_minutes),
        keep=None if keep_days is None else timedelta(days=keep_days),
        endpoint=(endpoint.workspace, endpoint.service),
    )
    return retries.applied_to(sweep_runs)(rules, connections)

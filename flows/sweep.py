"""Clean up after runs whose process died and was never replaced, and after runs that have served their time.

Hooks of a cancelled or crashed flow run may never be called, so this flow is scheduled on its own.
"""

from datetime import timedelta
from typing import Annotated

from prefect import flow
from pydantic import Field

from flows.log_lines import prepare_log_lines
from flows.parameters import BlockName
from scoring.sweeping import LiveJobs, SweepRules, Swept
from tasks.connections import resolve_connections
from tasks.retrying import DEFAULT_RETRIES, RetrySettings
from tasks.sweep import sweep_runs

prepare_log_lines()


@flow(name="sweep", validate_parameters=True)
def sweep(
    live_jobs: LiveJobs = "delete",
    idle_minutes: Annotated[int, Field(ge=0)] = 15,
    keep_days: Annotated[int | None, Field(ge=0)] = 30,
    retries: RetrySettings = DEFAULT_RETRIES,
    web_service: BlockName | None = None,
    storage: BlockName | None = None,
) -> list[Swept]:
    """Find runs whose lease has ended, cancel their live jobs, and remove blobs that are old enough.

    Args:
        live_jobs: Cancel the live jobs of abandoned runs, or leave them to be taken up.
        idle_minutes: So long must nobody have written about a run.
        keep_days: Days for which inputs and outputs are kept; none for ever.
        retries: How often and how patiently the sweep is repeated after an outage.
        web_service: Name of a block of the type BES Web Service; without one, the environment of the worker counts.
        storage: Name of a block of the type BES Blob Container; without one, the environment of the worker counts.
    """
    connections = resolve_connections(web_service, storage)
    endpoint = connections.endpoint
    rules = SweepRules(
        live_jobs=live_jobs,
        idle=timedelta(minutes=idle_minutes),
        keep=None if keep_days is None else timedelta(days=keep_days),
        endpoint=(endpoint.workspace, endpoint.service),
    )
    return retries.applied_to(sweep_runs)(rules, connections)

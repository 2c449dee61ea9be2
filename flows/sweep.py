"""Clean up after runs whose process died and was never replaced, and after runs that have served their time.

Hooks of a cancelled or crashed flow run may never be called, so this flow is scheduled on its own.
"""

import asyncio
import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from bes.errors import ScoringError
from flows.batch_scoring import batch_scoring
from flows.parameters import BlockName
from flows.run_logs import bring_logs_to_runs
from scoring.finishing import Unfinished
from scoring.settings import RunSettings
from scoring.sweeping import LiveJobs, SweepRules, Swept
from tasks.connections import resolve_connections
from tasks.retrying import DEFAULT_RETRIES, RetrySettings
from tasks.sweep import sweep_runs, tell_swept

logger = logging.getLogger(__name__)

bring_logs_to_runs()


@flow(name="sweep", validate_parameters=True)
async def sweep(
    live_jobs: LiveJobs = "delete",
    idle_minutes: Annotated[int, Field(ge=0)] = 15,
    keep_days: Annotated[int | None, Field(ge=0)] = 30,
    retries: RetrySettings = DEFAULT_RETRIES,
    web_service: BlockName | None = None,
    storage: BlockName | None = None,
) -> list[Swept]:
    """Find runs whose lease has ended, cancel their live jobs or finish them, and remove blobs that are old enough.

    Args:
        live_jobs: Of abandoned runs: cancel their live jobs, leave them to be taken up, or finish the runs.
        idle_minutes: So long must nobody have written about a run.
        keep_days: Days for which inputs and outputs are kept; none for ever.
        retries: How often and how patiently the sweep is repeated after an outage.
        web_service: Name of a block of the type BES Web Service; without one, the environment of the worker counts.
        storage: Name of a block of the type BES Blob Container; without one, the environment of the worker counts.
    """
    connections = await asyncio.to_thread(resolve_connections, web_service, storage)
    endpoint, settings = connections.endpoint, RunSettings()
    rules = SweepRules(
        live_jobs=live_jobs,
        idle=timedelta(minutes=idle_minutes),
        keep=None if keep_days is None else timedelta(days=keep_days),
        endpoint=(endpoint.workspace, endpoint.service),
        contracts_dir=settings.contracts_dir,
        bytes_per_job=settings.bytes_per_job,
    )
    swept = await asyncio.to_thread(retries.applied_to(sweep_runs), rules, connections)
    # One after another: they share the quota of the gateway, and other runs may need it as well.
    same = {"retries": retries, "web_service": web_service, "storage": storage}
    told = [run if run.unfinished is None else run.ended(await _finish(run.unfinished, same)) for run in swept]
    await asyncio.to_thread(tell_swept, told)
    return told


async def _finish(work: Unfinished, same: dict[str, Any]) -> str:
    """What came of it: one that cannot be finished keeps no other from being."""
    try:
        await batch_scoring(**{**asdict(work), "inputs": list(work.inputs), **same})
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told in the table and on the run's own page)
        told = str(error) if isinstance(error, ScoringError) else type(error).__name__
        logger.warning("an abandoned run could not be finished: %s", told)
        return f"not finished: {told}"
    return "finished"

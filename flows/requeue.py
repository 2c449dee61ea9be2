"""Score the mended rows of a published run's quarantine, and publish the run anew with them among the others."""

import asyncio
import uuid
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.parameters import BlockName, ContractReference, FilePath, RunKey
from flows.run_logs import bring_logs_to_runs
from flows.server import one_client
from flows.steps import few_threads, steps_of
from scoring.contract.docs.asking import begin_evaluator
from scoring.memory import keep_little
from scoring.pipeline import score_shards
from scoring.requeue.requeueing import Order, Requeue
from scoring.requeue.summary import RequeueSummary
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer
from tasks.cancel import cancel_jobs
from tasks.connections import resolve_connections
from tasks.requeue import fetch_version, merge_rows, publish_version, take_up_run
from tasks.retrying import DEFAULT_RETRIES, RetrySettings

bring_logs_to_runs()
keep_little()


@flow(name="requeue", flow_run_name="requeue {run_key}", validate_parameters=True, task_runner=few_threads())
async def requeue(
    run_key: RunKey,
    fixed: FilePath,
    contract: ContractReference | None = None,
    also_unchanged: bool = False,
    retries: RetrySettings = DEFAULT_RETRIES,
    web_service: BlockName | None = None,
    storage: BlockName | None = None,
) -> RequeueSummary:
    """Score mended rows and account for every row of the run. Begun before, it goes on where it stands.

    Args:
        run_key: The published run, as its manifest names it.
        fixed: The run's quarantine.csv, or a part of it, with `raw` mended.
        contract: Name of the run's contract, or path of its YAML file; by default its name.
        also_unchanged: Requeue the rows of the file that were not changed as well.
        retries: How often and how patiently a step is repeated after an outage.
        web_service: Name of a block of the type BES Web Service; without one, the environment of the worker counts.
        storage: Name of a block of the type BES Blob Container; without one, the environment of the worker counts.

    Raises:
        InputError: The run, the file, the contract, an input or every mended row is refused; nothing was sent.
        RemoteError: The gateway, the web service or the storage failed. The run stays published as it is.
    """
    begin_evaluator()
    with one_client():
        connections = await asyncio.to_thread(resolve_connections, web_service, storage)
        settings = RunSettings()
        writer = Writer.here(session=uuid.uuid4().hex[:12], flow_run=flow_run.id)
        stop = Stop()
        order = Order(run_key=run_key, fixed=Path(fixed), contract=contract, also_unchanged=also_unchanged)
        taken: Requeue | None = None
        try:
            taken = await asyncio.to_thread(take_up_run, order, connections, settings, stop, writer)
            if taken.run is None:
                return await asyncio.to_thread(fetch_version, taken)
            outcome = await asyncio.to_thread(score_shards, taken.run, steps_of(taken.run, retries))
            merged = await asyncio.to_thread(merge_rows, outcome, taken)
            return await asyncio.to_thread(publish_version, taken, merged)
        except BaseException as error:
            stop.set()
            if taken is not None and taken.run is not None:
                await asyncio.to_thread(cancel_jobs, taken.run, error)
            raise
        finally:
            if taken is not None:
                taken.close()

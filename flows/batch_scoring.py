"""The main job: score CSV files through the web service, prove that every row is accounted for, leave evidence."""

import asyncio
import contextlib
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from bes.errors import ScoringError
from bes.settings import Connections
from flows.missed_runs import MissedRuns, skipped
from flows.naming import dated_name
from flows.parameters import BlockName, ContractReference, FilePath, RunDate
from flows.run_logs import bring_logs_to_runs
from flows.server import one_client
from flows.steps import few_threads, steps_of
from scoring.contract.docs.asking import begin_evaluator
from scoring.gates.settings import GateSettings
from scoring.memory import keep_little
from scoring.open_run import OpenRun
from scoring.pipeline import score_shards
from scoring.plan import RunPlan
from scoring.run_dates import TimeZone, on_run_date, run_date_of
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.summary import RunSummary
from scoring.writer import Writer
from tasks.artifacts import fetch_result, leave_failure, write_artifacts
from tasks.cancel import cancel_jobs
from tasks.check import check_row_count
from tasks.connections import resolve_connections
from tasks.gates import check_gates
from tasks.golden import ask_golden_rows, score_golden_rows
from tasks.open import open_journal
from tasks.retrying import DEFAULT_RETRIES, RetrySettings
from tasks.validate import validate_input

bring_logs_to_runs()
keep_little()


@flow(
    name="batch-scoring",
    flow_run_name=dated_name,
    validate_parameters=True,
    task_runner=few_threads(),
)
async def batch_scoring(  # noqa: PLR0913, PLR0917 (they are the form that a person fills in)
    inputs: Annotated[list[FilePath], Field(min_length=1)],
    contract: ContractReference = "book_reviews",
    rows_per_job: Annotated[int | None, Field(ge=1)] = None,
    bytes_per_job: Annotated[int | None, Field(ge=1)] = None,
    run_date: RunDate | None = None,
    rescore: bool = False,
    time_zone: TimeZone = "UTC",
    missed_runs: MissedRuns = "all",
    late_after_minutes: Annotated[int, Field(ge=1)] = 60,
    retries: RetrySettings = DEFAULT_RETRIES,
    gates: GateSettings | None = None,
    web_service: BlockName | None = None,
    storage: BlockName | None = None,
) -> RunSummary | State[None]:
    """Score CSV files and account for every row. The same work, begun before, goes on where it stands.

    Args:
        inputs: CSV files, folders of them, or glob patterns; {run_date} in them becomes the run date.
        contract: Name of a contract, or path of its YAML file.
        rows_per_job: Most rows that one BES job is given; by default what the worker's settings say.
        bytes_per_job: Most bytes of an input file that one BES job is given; by default what the worker's settings say.
        run_date: Date under which the result is published; by default when the run was scheduled.
        rescore: Score again, although the result is published.
        time_zone: The schedule's: in it, the time for which a run was scheduled tells its run date.
        missed_runs: Scheduled runs that could not begin in time, as after an outage: make up for all of them, for the
            latest, or skip those that are too late.
        late_after_minutes: What is too late where missed_runs is skip.
        retries: How often and how patiently a step is repeated after an outage.
        gates: What is asked before it is published; what is not given, the worker's environment says.
        web_service: Name of a block of the type BES Web Service; without one, the environment of the worker counts.
        storage: Name of a block of the type BES Blob Container; without one, the environment of the worker counts.

    Raises:
        InputError: The input or the contract is wrong; nothing was sent.
        GateStopped: A gate does not hold and stops the run; what is scored is kept.
        RemoteError: The gateway, the web service or the storage failed. Jobs of a run that is over are cancelled; after
            an outage they are left for the next run of the same work.
    """
    end = await skipped(missed_runs, late_after=timedelta(minutes=late_after_minutes))
    if end is not None:
        return end
    begin_evaluator()
    with one_client():
        connections = await asyncio.to_thread(resolve_connections, web_service, storage)
        settings, asked = RunSettings(), gates or GateSettings()
        size = {"rows_per_job": rows_per_job, "bytes_per_job": bytes_per_job}
        settings = settings.model_copy(update={name: given for name, given in size.items() if given is not None})
        session = uuid.uuid4().hex[:12]
        writer = Writer.here(session=session, flow_run=flow_run.id)
        stop = Stop()
        day = run_date or run_date_of(flow_run.scheduled_start_time, time_zone)

        plan = await _validated(on_run_date(inputs, day), contract, settings, connections, session)
        plan = replace(plan, gates=asked)
        run: OpenRun | None = None
        try:
            run = await asyncio.to_thread(open_journal, plan, connections, settings, stop, writer, day, rescore)
            if run.is_published:
                return await asyncio.to_thread(fetch_result, run)
            golden = await asyncio.to_thread(retries.applied_to(ask_golden_rows), run, asked)
            golden = await asyncio.to_thread(retries.applied_to(score_golden_rows), run, asked, golden)
            scored = await asyncio.to_thread(score_shards, run, steps_of(run, retries))
            books = await asyncio.to_thread(check_row_count, scored, run)
            judged = await asyncio.to_thread(check_gates, run, books, golden, asked)
            return await asyncio.to_thread(write_artifacts, run, scored, books, judged)
        except BaseException as error:
            stop.set()
            if run is not None and not run.is_published:
                await asyncio.to_thread(cancel_jobs, run, error)
            if run is None or not run.is_published:
                await asyncio.to_thread(leave_failure, plan, run, connections, error)
            raise
        finally:
            if run is not None:
                run.close()
            plan.folder.discard_work()


async def _validated(
    inputs: list[str], contract: str, settings: RunSettings, connections: Connections, session: str
) -> RunPlan:
    step = asyncio.to_thread(validate_input, inputs, contract, settings, connections, session)
    validating = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(validating)
    except asyncio.CancelledError:
        # A thread cannot be stopped: it is waited for, or its working files would stay behind.
        with contextlib.suppress(ScoringError):
            (await validating).folder.discard_work()
        raise

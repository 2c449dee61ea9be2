"""The runs of a backfill: find those that there are, start the others, watch them to their end, list them."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.utilities.urls import url_for

from bes.errors import ConfigurationError, InputError
from scoring.backfilling import DateRun, Progress, Stage, work_digest
from tasks.evidence import bearing_outages
from tasks.keys import artifact_key

logger = logging.getLogger(__name__)

_POLL_SECONDS = 5.0
"""A run takes some seconds to begin at all; one call of the server tells about all that are under way."""

_PAGE = 200
"""What the server gives at a time."""

_MOST_WORDS = 300
"""Of a refusal; the server lists every value that is allowed, such as all time zones."""

_STAGES = {
    StateType.SCHEDULED: Stage.WAITING,
    StateType.PENDING: Stage.WAITING,
    StateType.PAUSED: Stage.WAITING,
    StateType.RUNNING: Stage.RUNNING,
    StateType.CANCELLING: Stage.RUNNING,
    StateType.COMPLETED: Stage.DONE,
    StateType.FAILED: Stage.FAILED,
    StateType.CANCELLED: Stage.FAILED,
    StateType.CRASHED: Stage.CRASHED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillOrder:
    """What a backfill starts for each date.

    Args:
        deployment: `<flow>/<deployment>` whose runs are started.
        parameters: Of every run, as JSON has them; the run date is added.
        contract: For names.
        rescore: Score dates again that are done already.
        flow_run: Id of the backfill's own flow run.
    """

    deployment: str
    parameters: Mapping[str, Any]
    contract: str
    rescore: bool
    flow_run: str

    @property
    def tag(self) -> str:
        """On all runs of this work, whichever backfill started them."""
        return f"backfill:{work_digest(self.deployment, self.parameters)}"

    @property
    def scope(self) -> str:
        """Runs of the same scope count for each other: all that there ever were, or those of this backfill."""
        return f"rescore-{self.flow_run}" if self.rescore else "once"

    def key(self, run_date: date, attempt: int) -> str:
        """By which the server knows a run that it has already."""
        return f"{self.tag}/{run_date}/{self.scope}/{attempt}"


# Not cached: it asks what there is now. No retries: Prefect's client has its own.
@task(task_run_name="find deployment {order.deployment}", cache_policy=NO_CACHE)
async def check_deployment(order: BackfillOrder) -> None:
    """Refuse a deployment whose runs could not do the work, before any is started."""
    async with get_client() as client:
        try:
            deployment = await client.read_deployment_by_name(order.deployment)
        except (ObjectNotFound, ValueError) as error:
            raise ConfigurationError(
                f"There is no deployment {order.deployment!r} on this Prefect server.",
                "Deploy it (deployments/README.md says how), or name another; `prefect deployment ls` lists them.",
            ) from error
        _require_parameters(order, deployment)
        await _require_room(order, deployment, client)


def _require_parameters(order: BackfillOrder, deployment: DeploymentResponse) -> None:
    known = (deployment.parameter_openapi_schema or {}).get("properties", {})
    unknown = sorted({"run_date", *order.parameters} - set(known))
    if unknown:
        raise ConfigurationError(
            f"The deployment {order.deployment!r} takes no {', '.join(unknown)}; it takes {', '.join(sorted(known))}.",
            "Name a deployment of the flow that scores one run date, and parameters that it has.",
        )


async def _require_room(order: BackfillOrder, deployment: DeploymentResponse, client: PrefectClient) -> None:
    own = await client.read_flow_run(UUID(order.flow_run))
    if own.work_pool_name is None or own.work_pool_name != deployment.work_pool_name:
        return
    pool = await client.read_work_pool(own.work_pool_name)
    places = {f"The work pool {pool.name!r}": pool.concurrency_limit}
    if own.work_queue_name == deployment.work_queue_name and own.work_queue_name is not None:
        queue = await client.read_work_queue_by_name(own.work_queue_name, work_pool_name=pool.name)
        places[f"The work queue {queue.name!r}"] = queue.concurrency_limit
    for place, limit in places.items():
        if limit == 1:
            raise ConfigurationError(
                f"{place} runs one flow run at a time, and that is this backfill, which would wait for ever.",
                f"Raise its concurrency limit to 2 or more, or give {order.deployment!r} another work pool.",
            )


# Not cached: it asks what there is now.
@task(task_run_name="find earlier runs", cache_policy=NO_CACHE)
async def find_runs(order: BackfillOrder) -> list[DateRun]:
    """The runs that earlier backfills of the same work started, and this one before it was interrupted."""
    found: list[FlowRun] = []
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[order.tag]))
    async with get_client() as client:
        while page := await client.read_flow_runs(flow_run_filter=tagged, limit=_PAGE, offset=len(found)):
            found += page
    return [run for run in (_seen(order, flow_run) for flow_run in found) if run is not None]


def _seen(order: BackfillOrder, flow_run: FlowRun) -> DateRun | None:
    head, _, attempt = (flow_run.idempotency_key or "").rpartition("/")
    tag, _, rest = head.partition("/")
    day, _, scope = rest.partition("/")
    if tag != order.tag or (order.rescore and scope != order.scope) or flow_run.state is None:
        return None
    return DateRun(
        run_date=date.fromisoformat(day),
        run_id=str(flow_run.id),
        name=flow_run.name,
        attempt=int(attempt),
        stage=_STAGES[flow_run.state.type],
        state=flow_run.state.name or flow_run.state.type.value.capitalize(),
        message=flow_run.state.message or "",
    )


# Async, unlike other tasks: a thread would never learn that the backfill is cancelled. One task for all dates: one for
# each would store many times the events. Not cached: it asks what there is now.
@task(task_run_name="run dates", cache_policy=NO_CACHE)
async def run_dates(order: BackfillOrder, progress: Progress) -> Progress:
    """Start the run of each date that is not done, `at_once` of them at a time, and wait until all have ended."""
    async with get_client() as client:
        while True:
            try:
                await _look(order, progress, client)
                if progress.is_over():
                    break
                for run_date, attempt in progress.to_start():
                    progress.note(await _start(order, run_date, attempt))
                progress.note_answers()
            # The client has tried for a while. Nothing here does harm twice, so the next round begins anew.
            except httpx.HTTPError as error:
                _require_answer(error)
                if progress.note_outage():
                    logger.warning("the Prefect server does not answer, its runs go on without it: %s", error)
            await asyncio.sleep(_POLL_SECONDS)
        if progress.stalled:
            await _withdraw(progress, client)
    return progress


def _require_answer(error: httpx.HTTPError) -> None:
    if not isinstance(error, httpx.HTTPStatusError) or error.response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return
    if error.response.status_code in (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY):
        raise InputError(
            f"The deployment refuses the parameters of its run: {error.response.text[:_MOST_WORDS]}",
            "Mend the one it names.",
        ) from error
    raise error


async def _look(order: BackfillOrder, progress: Progress, client: PrefectClient) -> None:
    ids = [UUID(run.run_id) for run in progress.live()]
    if not ids:
        return
    for flow_run in await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=ids))):
        run = _seen(order, flow_run)
        if run is not None and progress.note(run):
            logger.info("%s: %s is %s", run.run_date, run.name, run.state)


async def _start(order: BackfillOrder, run_date: date, attempt: int) -> DateRun:
    again = {"rescore": True} if order.rescore else {}
    flow_run = await arun_deployment(
        order.deployment,
        parameters={**order.parameters, **again, "run_date": run_date.isoformat()},
        flow_run_name=f"{Path(order.contract).stem} {run_date}",
        tags=["backfill", order.tag, f"run-date:{run_date}"],
        idempotency_key=order.key(run_date, attempt),
        timeout=0,
    )
    run = _seen(order, flow_run)
    if run is None:
        raise RuntimeError(f"the server gave a flow run that was not asked for: {flow_run.id}")
    logger.info("%s: started %s", run_date, run.name)
    return run


async def _withdraw(progress: Progress, client: PrefectClient) -> None:
    # Otherwise they begin when the backfill has left, and nobody counts them.
    for run in progress.live():
        if run.stage is Stage.WAITING:
            await client.set_flow_run_state(UUID(run.run_id), Cancelling(message="Its backfill waited in vain."))


# Not cached: it writes an artifact.
@task(task_run_name="list dates", cache_policy=NO_CACHE)
async def list_dates(order: BackfillOrder, progress: Progress, rows: Mapping[date, int]) -> None:
    """Leave a table of the dates: state, rows, link to the run."""
    table = [
        {
            "date": run.run_date.isoformat(),
            "state": run.state or run.stage.value,
            "rows": rows.get(run.run_date) if run.stage is Stage.DONE else None,
            "run": _link(run),
            "message": run.message,
        }
        for run in progress.table()
    ]
    with bearing_outages():
        await acreate_table_artifact(
            key=artifact_key(order.contract, "backfill"),
            table=table,
            description=f"The dates of the backfill, and the rows that are published for each: {order.contract}.",
        )


def _link(run: DateRun) -> str:
    if not run.run_id:
        return ""
    url = url_for("flow-run", obj_id=run.run_id)
    return f"[{run.name}]({url})" if url else run.run_id

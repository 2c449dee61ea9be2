"""Bring a Prefect server to what the file of the deployments says: `prefect deploy`, and what it leaves undone."""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker
from pydantic import BaseModel

from bes.errors import ConfigurationError, ScoringError
from deployments.prefect_file import Deployment, load_document, load_flows, read_prefect_file
from deployments.prefect_server import prefect_server

logger = logging.getLogger(__name__)

DEFAULT_WORK_POOL = "batch-scoring"
"""Made if it does not exist, as a pool of processes on the worker's own machine."""

TAG = "batch-scoring"
"""What deployments of ours are known by when they have left the file."""

_PAGE = 200


class DeployFailed(ScoringError):
    """Prefect has not deployed everything.

    Args:
        deployed: Names of those that are as the file says.
        left: Names of those that are as before.
    """

    def __init__(self, what: str, next_step: str, deployed: list[str], left: list[str]) -> None:
        super().__init__(what, next_step, deployed, left)
        self.deployed = deployed
        self.left = left


class Deployed(BaseModel):
    """What is on the server now.

    Args:
        deployments: Full names to when they fire, such as `30 3 * * * Europe/Berlin (paused)`.
        work_pools: Whose workers take the runs.
        removed_schedules: Those that are no longer in the file, as `flow/deployment: schedule`.
        left_the_file: Deployments of ours on these work pools that the file does not have.
        pruned: Those of them that are removed.
    """

    deployments: dict[str, list[str]]
    work_pools: list[str]
    removed_schedules: list[str]
    left_the_file: list[str]
    pruned: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """A deployment as it was."""

    deployment: DeploymentResponse
    schedules: tuple[DeploymentSchedule, ...]


def deploy(path: Path, *, work_pool: str | None, prune: bool) -> Deployed:
    """Deploy everything in the file, and make the server's schedules those of the file.

    Args:
        path: The file.
        work_pool: Takes the runs of all deployments, instead of the pools that the file names.
        prune: Remove deployments of ours that have left the file.

    Raises:
        ConfigurationError: The file, a work pool or the address is wrong, and nothing was deployed; or the server
            refuses what it is asked for.
        AccessDenied: The server wants to know who asks.
        Unavailable: The server does not answer; nothing was deployed. Or it stopped answering.
        DeployFailed: Prefect stopped halfway.
    """
    named = load_flows(read_prefect_file(path))
    pools = sorted({work_pool or deployment.work_pool.name for deployment in named.values()})
    with prefect_server() as (client, _):
        for pool in pools:
            _require_work_pool(client, pool)
        before = {name: found for name in named if (found := _read(client, name))}
        with _on_pool(path, work_pool) as given:
            failure = _run_prefect(given)
        # What Prefect has not deployed stays as it was, with its schedules.
        deployed = list(named) if failure is None else _deployed(client, named, before)
        for name in deployed:
            _refuse_unknown_parameters(client, name)
        removed = [line for name in deployed for line in _reconcile(client, name, named[name], before.get(name))]
        if failure is not None:
            raise _stopped(failure, deployed, [name for name in named if name not in deployed])
        left = _left_the_file(client, set(named), pools)
        for deployment_id in left.values() if prune else ():
            client.delete_deployment(deployment_id)
        return Deployed(
            deployments={name: _labels(client, name) for name in named},
            work_pools=pools,
            removed_schedules=removed,
            left_the_file=[] if prune else list(left),
            pruned=list(left) if prune else [],
        )


@contextmanager
def _on_pool(path: Path, work_pool: str | None) -> Iterator[Path]:
    """The file; with another work pool, a copy of it: Prefect takes no --pool together with --all."""
    if work_pool is None:
        yield path
        return
    document = load_document(path)
    for deployment in document["deployments"]:
        deployment["work_pool"] = {**deployment["work_pool"], "name": work_pool}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        yield copy


def _require_work_pool(client: SyncPrefectClient, name: str) -> None:
    try:
        client.read_work_pool(name)
    except ObjectNotFound as error:
        if name != DEFAULT_WORK_POOL:
            others = ", ".join(sorted(pool.name for pool in client.read_work_pools())) or "none"
            raise ConfigurationError(
                f"There is no work pool {name!r}; there are: {others}.",
                f"Create it with \"prefect work-pool create '{name}' --type process\", or name another.",
            ) from error
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
        logger.info("created the work pool %r, for processes on the worker's machine", name)


def _read(client: SyncPrefectClient, name: str) -> _Before | None:
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None
    return _Before(deployment=found, schedules=tuple(found.schedules))


def _run_prefect(path: Path) -> str | None:
    """Let Prefect deploy everything; returns what it said when it failed."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file", str(path), "--all"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    logger.debug("prefect deploy:\n%s", done.stdout)
    if done.returncode == 0:
        return None
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip(" │╭╮╰╯─")]
    return lines[-1].strip(" │") if lines else f"it ended with code {done.returncode}"


def _refuse_unknown_parameters(client: SyncPrefectClient, name: str) -> None:
    """Say in the deployment's schema that there are no other parameters, which Prefect leaves open."""
    found = _read(client, name)
    # One that has it already is not as it was deployed just now, but as before: it is left so.
    if found is not None and "additionalProperties" not in (found.deployment.parameter_openapi_schema or {}):
        schema = {**(found.deployment.parameter_openapi_schema or {}), "additionalProperties": False}
        client.request(
            "PATCH",
            "/deployments/{id}",
            path_params={"id": found.deployment.id},
            json={"parameter_openapi_schema": schema},
        )


def _reconcile(client: SyncPrefectClient, name: str, deployment: Deployment, before: _Before | None) -> Iterator[str]:
    """Remove what is no longer in the file, and pause again what was paused; yields what is removed."""
    now = _read(client, name)
    if now is None:
        return
    wanted = {schedule.slug: schedule for schedule in deployment.schedules}
    paused = {schedule.slug for schedule in before.schedules if not schedule.active} if before else set()
    for schedule in now.schedules:
        if schedule.slug not in wanted:
            client.delete_deployment_schedule(now.deployment.id, schedule.id)
        elif schedule.slug in paused and schedule.active and wanted[schedule.slug].active is None:
            client.update_deployment_schedule(now.deployment.id, schedule.id, active=False)
    if before and before.deployment.paused and not now.deployment.paused:
        client.set_deployment_paused_state(now.deployment.id, True)
    for gone in before.schedules if before else ():
        if gone.slug not in wanted:
            yield f"{name}: {gone.slug or gone.schedule}"


def _deployed(client: SyncPrefectClient, named: Iterable[str], before: Mapping[str, _Before]) -> list[str]:
    """Those that Prefect has deployed since they were read as `before`."""
    deployed = []
    for name in named:
        now, then = _read(client, name), before.get(name)
        if now is None or (then is not None and now.deployment.updated == then.deployment.updated):
            continue
        # The server itself updates a deployment whose worker has gone. Deploying opens the schema that we had closed.
        if "additionalProperties" not in (now.deployment.parameter_openapi_schema or {}):
            deployed.append(name)
    return deployed


def _stopped(failure: str, deployed: list[str], left: list[str]) -> DeployFailed:
    return DeployFailed(
        f"Prefect stopped: {failure} Deployed: {', '.join(deployed) or 'none'}."
        f" As before: {', '.join(left) or 'none'}.",
        "Mend it and deploy again: to deploy twice is harmless.",
        deployed,
        left,
    )


def _left_the_file(client: SyncPrefectClient, names: set[str], pools: list[str]) -> dict[str, UUID]:
    left = {}
    for offset in range(0, sys.maxsize, _PAGE):
        page = client.read_deployments(limit=_PAGE, offset=offset)
        for found in page:
            if TAG not in found.tags or found.work_pool_name not in pools:
                continue
            name = f"{client.read_flow(found.flow_id).name}/{found.name}"
            if name not in names:
                left[name] = found.id
        if len(page) < _PAGE:
            break
    return left


def _labels(client: SyncPrefectClient, name: str) -> list[str]:
    found = client.read_deployment_by_name(name)
    return [_label(schedule, is_paused=bool(found.paused)) for schedule in found.schedules]


def _label(found: DeploymentSchedule, *, is_paused: bool) -> str:
    schedule = found.schedule
    when = f"{schedule.cron} {schedule.timezone or 'UTC'}" if isinstance(schedule, CronSchedule) else str(schedule)
    return f"{when} (paused)" if is_paused or not found.active else when

"""Everything on one machine for a walk-through in the Prefect UI: the local stack, the deployments and a worker."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from bes.errors import ConfigurationError
from deployments.embedded import Surroundings, environment_of, surroundings
from deployments.processes import ChildProcess, Environment, start_apart
from scoring.settings import RunSettings

logger = logging.getLogger(__name__)

PREFECT_PORT: Final = 4200
"""Where Prefect's own pages and commands expect a server."""

POOL: Final = "batch-scoring"
"""The work pool of `prefect.yaml`."""

_ROOT: Final = Path(__file__).parent.parent
_WORKER_SECONDS = 300.0
"""Measured 5 s; a loaded machine takes a multiple."""
_DEPLOY_SECONDS = 600.0
"""Measured 6 s."""
_LONGEST_LIST = 200
"""What the server gives at once."""


@contextmanager
def everything(*, ui_port: int = PREFECT_PORT) -> Iterator[Surroundings]:
    """Start it all and stop it at the end; a run that is not over by then goes on at the next start.

    Raises:
        ConfigurationError: The deployments could not be made; says why.
        ProcessFailed: A part did not start.
    """
    settings = RunSettings()
    with surroundings(use_settings=False, with_prefect=True, prefect_port=ui_port) as chosen:
        environment = {
            **environment_of(chosen),
            # Flow runs have another working directory.
            "BATCH_SCORING_RUN_DATA_DIR": str(settings.data_dir.resolve()),
            "BATCH_SCORING_RUN_CONTRACTS_DIR": str(settings.contracts_dir.resolve()),
        }
        logger.info("making the deployments")
        deploy(environment)
        take_up_runs(chosen.prefect_api or "", POOL)
        logger.info("starting the worker")
        log_path = settings.data_dir.resolve() / ".stack" / "logs" / "worker.log"
        with worker(POOL, environment=environment, log_path=log_path):
            yield chosen


def deploy(environment: Environment) -> None:
    """Make the work pool and the deployments of `prefect.yaml` on the server that the environment names.

    Raises:
        ConfigurationError: They could not be made; says why.
    """
    command = [sys.executable, "-m", "deployments.cli", "deploy"]
    # Entrypoints are read from the root, and that is where flow runs work.
    process = start_apart(command, environment=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_ROOT)
    try:
        _, told = process.communicate(timeout=_DEPLOY_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        words = told.decode(errors="replace").strip().rpartition("error: ")[2]
        raise ConfigurationError(f"The deployments could not be made: {words}", "Then start again.")


@contextmanager
def worker(pool: str, *, environment: Environment, log_path: Path) -> Iterator[ChildProcess]:
    """A worker on a process pool, once it asks for runs. When it is stopped, its flow runs end with it.

    Args:
        pool: Name of the work pool; made if there is none.
        environment: What the worker needs, and what flow runs inherit from it.
        log_path: Takes what it says.
    """
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with ChildProcess("worker", command, environment=environment, log_path=log_path) as child:
        child.wait_until_ready(child.printed(r"(Worker '.*' started!)"), deadline_seconds=_WORKER_SECONDS)
        yield child


def take_up_runs(api: str, pool: str) -> None:
    """Schedule those flow runs of a pool anew that the server takes for running, although no worker is there.

    A worker that is stopped or killed takes its flow runs along, and nobody tells the server. Each goes on under its id
    where its journal stands.
    """
    lost = {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
    state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Its worker was stopped; it goes on."}
    with requests.Session() as session:
        session.trust_env = False  # no proxy reaches this machine
        body = {"flow_runs": lost, "work_pools": {"name": {"any_": [pool]}}, "limit": _LONGEST_LIST}
        for flow_run in _post(session, f"{api}/flow_runs/filter", body).json():
            logger.info("the run %s goes on", flow_run["name"])
            _post(session, f"{api}/flow_runs/{flow_run['id']}/set_state", {"state": state, "force": True})


def _post(session: requests.Session, url: str, body: dict[str, Any]) -> requests.Response:
    answer = session.post(url, json=body, timeout=30)
    answer.raise_for_status()
    return answer

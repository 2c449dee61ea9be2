"""Cancelled in Prefect, a run of a worker leaves no job at the web service, no lease, and nothing half-published."""

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from bes.client import BesClient
from bes.protocol import JobStatus
from deployments.embedded import Surroundings, environment_of
from deployments.processes import ChildProcess
from deployments.stack import LocalStack
from flows.batch_scoring import batch_scoring
from tests.faults.restartable import Service
from tests.faults.storage_proxy import StorageProxy
from tests.flows.conftest import RunHere
from tests.patient import patient_session

PATIENCE_SECONDS = 180
ROWS = [f"R{number:06d},4,Review number {number}" for number in range(1, 8)]
N_SHARDS = 3


def wait_until(probe: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not probe():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.1)


class Operator:
    """Somebody in front of Prefect: starts runs of a deployment, looks at them, and cancels them."""

    def __init__(self, api: str, deployment: str) -> None:
        self._api = api
        self._deployment = deployment

    def start(self, **parameters: Any) -> str:
        # With the key a call that is repeated starts nothing more.
        order = {"parameters": parameters, "idempotency_key": uuid.uuid4().hex}
        answer = self._post(f"deployments/{self._deployment}/create_flow_run", order)
        return str(answer["id"])

    def cancel(self, run: str) -> None:
        """What the UI and `prefect flow-run cancel` do."""
        self._post(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})

    def wait_for_end(self, run: str) -> str:
        wait_until(lambda: self._state(run) in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED"), f"the end of {run}")
        return self._state(run)

    def _state(self, run: str) -> str:
        return str(
            patient_session(repeatable=True).get(f"{self._api}/flow_runs/{run}", timeout=60).json()["state_type"]
        )

    def _post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = patient_session(repeatable=True).post(f"{self._api}/{what}", json=body, timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


class Container:
    """The container of the one run, seen from outside."""

    def __init__(self, connection_string: str, name: str) -> None:
        self.name = name
        self.blobs = ContainerClient.from_connection_string(connection_string, name)

    def names(self, prefix: str) -> list[str]:
        if not self.blobs.exists():
            return []
        return [blob.name for blob in self.blobs.list_blobs(name_starts_with=prefix)]

    def json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.blobs.download_blob(name).readall())
        return found

    def attempts(self) -> list[dict[str, Any]]:
        shards = [self.json(name) for name in self.names("runs/") if "/shards/" in name]
        return [attempt for shard in shards for attempt in shard["attempts"]]

    def states(self) -> list[str]:
        return [attempt["state"] for attempt in self.attempts()]

    @property
    def run(self) -> dict[str, Any]:
        return self.json(self._run_name)

    @property
    def lease(self) -> str:
        return str(self.blobs.get_blob_client(self._run_name).get_blob_properties().lease.state)

    @property
    def _run_name(self) -> str:
        (name,) = [name for name in self.names("runs/") if name.endswith("/run.json")]
        return name


@pytest.fixture
def proxy(azurite: Any) -> Iterator[StorageProxy]:
    with StorageProxy(azurite.connection_string) as running:
        yield running
    assert running.armed == [], "faults that were not met"


@pytest.fixture
def service(local_stack: LocalStack, endpoint: Any, proxy: StorageProxy, tmp_path: Path) -> Iterator[Service]:
    with Service(local_stack, proxy.connection_string, tmp_path / "service") as running:
        yield running


@pytest.fixture
def container(azurite: Any) -> Iterator[Container]:
    held = Container(azurite.connection_string, f"test-{uuid.uuid4().hex}")
    with held.blobs:
        yield held


@pytest.fixture
def environment(
    azurite: Any, prefect_api: str, proxy: StorageProxy, service: Service, container: Container, tmp_path: Path
) -> dict[str, str]:
    """What the runs read, wherever they run."""
    chosen = Surroundings(endpoint=service.endpoint, storage=azurite.settings, prefect_api=prefect_api)
    return {
        **{name: value for name, value in environment_of(chosen).items() if value is not None},
        "BATCH_SCORING_STORAGE_CONNECTION_STRING": proxy.connection_string,
        "BATCH_SCORING_STORAGE_CONTAINER": container.name,
        "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs"),
    }


@pytest.fixture
def operator(
    local_stack: LocalStack, prefect_api: str, environment: dict[str, str], repository: Path, tmp_path: Path
) -> Iterator[Operator]:
    """A worker of a process pool and a deployment of the flow."""
    pool = f"pool-{uuid.uuid4().hex[:8]}"
    of_worker = {
        **local_stack.prefect_environment(),
        **environment,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with ChildProcess("worker", command, environment=of_worker, log_path=tmp_path / "worker.log") as worker:
        worker.wait_until_ready(worker.printed(r"(Worker .* started!)"), deadline_seconds=PATIENCE_SECONDS)
        flow = patient_session().post(f"{prefect_api}/flows/", json={"name": "batch-scoring"}, timeout=60).json()["id"]
        deployment = {
            "name": pool,
            "flow_id": flow,
            "work_pool_name": pool,
            "entrypoint": "flows/batch_scoring.py:batch_scoring",
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(repository)}}],
        }
        made = patient_session().post(f"{prefect_api}/deployments/", json=deployment, timeout=60)
        made.raise_for_status()
        yield Operator(prefect_api, made.json()["id"])


@dataclass(frozen=True, kw_only=True)
class Site:
    """All that a run needs, and the operator who cancels it."""

    operator: Operator
    service: Service
    container: Container
    proxy: StorageProxy
    work: dict[str, Any]
    environment: dict[str, str]

    def cancel_when(self, probe: Callable[[], bool], what: str) -> str:
        """Begin a run, and cancel it as soon as `probe` is true."""
        run = self.operator.start(**self.work)
        wait_until(probe, what)
        self.operator.cancel(run)
        return run


@pytest.fixture
def site(
    operator: Operator,
    service: Service,
    container: Container,
    proxy: StorageProxy,
    environment: dict[str, str],
    repository: Path,
    tmp_path: Path,
) -> Site:
    extract = tmp_path / "extract.csv"
    extract.write_text("\n".join(["review_id,Col1,Col2", *ROWS, ""]))
    work = {
        "inputs": [str(extract)],
        "contract": str(repository / "data/contracts/book_reviews.yaml"),
        "rows_per_job": 3,
        # Its jobs are counted, and faults are to hit them alone.
        "gates": {"golden_rows": "off", "golden_job": "off"},
    }
    return Site(
        operator=operator, service=service, container=container, proxy=proxy, work=work, environment=environment
    )


def cancel_while_it_submits(site: Site) -> list[str]:
    """Returns the faults that the service has met, as the others do."""
    site.service.arm(kind="delay", operation="submit", seconds=5, times=N_SHARDS)
    run = site.cancel_when(lambda: site.container.states() == ["intent"] * N_SHARDS, "jobs to be submitted")
    require_cancelled(site.operator.wait_for_end(run), site.container, site.service)
    # The ids of those that were under way are known, so that they could be cancelled.
    assert all(attempt["job_id"] for attempt in site.container.attempts())
    return ["delay"] * N_SHARDS


def cancel_while_it_polls(site: Site) -> list[str]:
    n_before = len(site.container.attempts())
    site.service.arm(kind="queue", seconds=600, times=N_SHARDS)
    run = site.cancel_when(lambda: site.container.states().count("started") == N_SHARDS, "jobs to be polled")
    require_cancelled(site.operator.wait_for_end(run), site.container, site.service)
    assert len(site.container.attempts()) == n_before + N_SHARDS
    return ["queue"] * N_SHARDS


def cancel_while_it_publishes(site: Site) -> list[str]:
    go_on = threading.Event()
    site.proxy.arm("PUT", "published/.*/predictions.csv", until=go_on)
    run = site.cancel_when(lambda: bool(site.proxy.met), "predictions to be published")
    wait_until(lambda: site.container.run["state"] == "stopped", "the cancellation to be seen")
    go_on.set()
    require_cancelled(site.operator.wait_for_end(run), site.container, site.service)
    assert site.container.states().count("verified") == N_SHARDS
    return []


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([cancel_while_it_polls], id="polls"),
        pytest.param(
            [cancel_while_it_submits, cancel_while_it_polls, cancel_while_it_publishes],
            id="submits polls and publishes",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_cancelled_on_its_way_is_finished_by_the_next(
    site: Site, run_here: RunHere, moments: list[Callable[[Site], list[str]]]
):
    met = [fault for cancel in moments for fault in cancel(site)]
    container, scored = site.container, site.container.states().count("verified")
    jobs = [attempt["job_id"] for attempt in container.attempts()]

    run_here(batch_scoring, **site.work, environment=site.environment)

    assert container.states().count("verified") == N_SHARDS
    after = [attempt["job_id"] for attempt in container.attempts()]
    # What was scored is not scored again, and nothing else is lost.
    assert set(jobs) <= set(after)
    assert len(after) == len(jobs) + N_SHARDS - scored
    assert container.run["state"] == "published"
    latest = container.json("published/book_reviews/latest.json")
    predictions = container.blobs.download_blob(f"{latest['current']['folder']}/predictions.csv").readall().decode()
    assert [line.partition(",")[0] for line in predictions.splitlines()] == [
        "review_id",
        *[row.partition(",")[0] for row in ROWS],
    ]
    assert site.service.met() == met


def require_cancelled(state: str, container: Container, service: Service) -> None:
    assert state == "CANCELLED"
    assert (container.run["state"], container.lease) == ("stopped", "available")
    assert not {"submitted", "started"} & set(container.states())
    assert [name for name in container.names("published/") if name.endswith(".json")] == []
    with BesClient(service.endpoint) as client:
        for attempt in container.attempts():
            if attempt["job_id"]:
                status = client.status(attempt["job_id"]).status
                assert status in (JobStatus.CANCELLED, JobStatus.FINISHED), attempt

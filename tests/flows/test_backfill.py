"""Backfills on a real Prefect server, by a real worker: which runs they start, take up, and leave alone."""

import contextlib
import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from deployments.processes import ChildProcess
from flows.backfill import backfill
from flows.batch_scoring import batch_scoring
from tests.flows.conftest import RunHere
from tests.patient import patient_session

# Processes of flows take a multiple of their usual ten seconds to begin where a machine has much else to do.
pytestmark = pytest.mark.timeout(900)

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
ROWS = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review number {number}\n" for number in range(1, 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A work pool with both deployments, served by a worker; `extracts` is where their inputs are."""

    api: str
    pool: str
    on_demand: str
    backfill_id: str
    extracts: Path
    environment: dict[str, str]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return post(f"{self.api}/{path}", body)

    def run(self, flow_run: str) -> dict[str, Any]:
        found: dict[str, Any] = patient_session().get(f"{self.api}/flow_runs/{flow_run}", timeout=60).json()
        return found

    def order(self, name: str, first: str, last: str, **changes: Any) -> dict[str, Any]:
        """Parameters of a backfill over the extracts `name`-DATE.csv."""
        inputs = [str(self.extracts / (name + "-{run_date}.csv"))]
        return {
            "first_date": first,
            "last_date": last,
            "inputs": inputs,
            "deployment": f"batch-scoring/{self.on_demand}",
            **changes,
        }

    def begin(self, parameters: dict[str, Any]) -> str:
        made: dict[str, Any] = self.post(f"deployments/{self.backfill_id}/create_flow_run", {"parameters": parameters})
        return str(made["id"])

    def ended(self, flow_run: str) -> dict[str, Any]:
        until(lambda: self.run(flow_run)["state_type"] in ENDED)
        return self.run(flow_run)

    def children(self, of: str) -> list[dict[str, Any]]:
        """The runs that a backfill began, in the order of their dates."""
        found = self.post(
            "flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [of]}}, "sort": "EXPECTED_START_TIME_ASC"}
        )
        return sorted(found, key=lambda run: run["name"])

    def table(self, of: str) -> str:
        mine = {"flow_run_id": {"any_": [of]}, "key": {"any_": ["book-reviews-backfill"]}}
        (artifact,) = self.post("artifacts/filter", {"artifacts": mine})
        assert artifact["type"] == "table"
        return str(artifact["data"])


def post(url: str, body: dict[str, Any]) -> Any:
    return send("POST", url, body).json()


def send(method: str, url: str, body: dict[str, Any]) -> requests.Response:
    answer = patient_session().request(method, url, json=body, timeout=60)
    assert answer.ok, answer.text
    return answer


def until(probe: Callable[[], bool], seconds: float = 400) -> None:
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end
        time.sleep(0.3)


def most_at_once(runs: list[dict[str, Any]]) -> int:
    """How many runs there were at the same time, from the moment they were made to their end."""
    spans = [[datetime.fromisoformat(run[moment]) for moment in ("created", "end_time")] for run in runs]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def deploy(api: str, flow: Flow[..., Any], name: str, pool: str, repository: Path) -> str:
    entrypoint = f"{Path(flow.fn.__code__.co_filename).relative_to(repository)}:{flow.fn.__name__}"
    made = post(
        f"{api}/deployments/",
        {
            "name": name,
            "flow_id": post(f"{api}/flows/", {"name": flow.name})["id"],
            "entrypoint": entrypoint,
            "work_pool_name": pool,
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(repository)}}],
            "parameter_openapi_schema": parameter_schema(flow).model_dump(),
        },
    )
    return str(made["id"])


@pytest.fixture(scope="module")
def site(
    repository: Path, stack_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("backfill")
    (home / "extracts").mkdir()
    api, unique = stack_environment["PREFECT_API_URL"], uuid.uuid4().hex[:8]
    pool, on_demand = f"backfill-{unique}", f"on-demand-{unique}"

    template = ProcessWorker.get_default_base_job_template()
    post(f"{api}/work_pools/", {"name": pool, "type": "process", "base_job_template": template})
    deploy(api, batch_scoring, on_demand, pool, repository)
    backfill_id = deploy(api, backfill, f"backfill-{unique}", pool, repository)
    environment = {
        **stack_environment,
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(home / "runs"),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(repository),
    }
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with ChildProcess("worker", command, environment=environment, log_path=home / "worker.log"):
        yield Site(
            api=api,
            pool=pool,
            on_demand=on_demand,
            backfill_id=backfill_id,
            extracts=home / "extracts",
            environment=environment,
        )


@pytest.mark.parametrize("n_dates", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_backfill_scores_each_date_and_a_second_one_repeats_only_the_date_that_failed(
    site: Site, run_here: RunHere, n_dates: int
):
    dates = ["2026-11-02", "2026-11-03", "2026-11-04"][:n_dates]
    name = f"nightly-{n_dates}"
    for number, day in enumerate(dates, start=1):
        (site.extracts / f"{name}-{day}.csv").write_text(ROWS.replace("R000", f"R{number}{n_dates}0"))
    late = site.extracts / f"{name}-2026-11-03.csv"
    rows = late.read_text()
    late.unlink()
    order = site.order(name, dates[0], dates[-1])

    def fill() -> dict[str, Any]:
        state = run_here(backfill, **order, environment=site.environment, return_state=True)
        return site.run(state.state_details.flow_run_id)

    first = fill()
    late.write_text(rows)
    second = fill()

    assert first["state_type"] == "FAILED"
    assert f"1 of {n_dates} dates is not done: 2026-11-03 (Failed)" in first["state"]["message"]
    assert (second["state_type"], second["name"]) == ("COMPLETED", f"book_reviews {dates[0]} to {dates[-1]}")
    begun = site.children(first["id"])
    assert [(run["name"], run["state_type"]) for run in begun] == [
        (f"book_reviews {day}", "FAILED" if day == "2026-11-03" else "COMPLETED") for day in dates
    ]
    for run, day in zip(begun, dates, strict=True):
        assert {"backfill", f"run-date:{day}"} < set(run["tags"])
    assert most_at_once(begun) == 2
    (again,) = site.children(second["id"])
    assert (again["name"], again["state_type"]) == ("book_reviews 2026-11-03", "COMPLETED")
    assert re.findall(r'"state": "(\w+)", "rows": (\w+)', site.table(first["id"])) == [
        ("Failed", "null") if day == "2026-11-03" else ("Completed", "7") for day in dates
    ]
    listed = site.table(second["id"])
    assert listed.count('"rows": 7') == n_dates
    assert all(f"flow-run/{run['id']}" in listed for run in (begun[0], again, *begun[2:]))


@pytest.mark.slow
def test_a_backfill_that_was_killed_takes_up_its_run_and_cancels_it_when_it_is_cancelled(site: Site, faults: Any):
    (site.extracts / "held-2026-11-05.csv").write_text(ROWS)
    faults.arm(kind="queue", seconds=600)
    flow_run = site.begin(site.order("held", "2026-11-05", "2026-11-05"))
    until(lambda: bool(faults.served()))
    (child,) = site.children(flow_run)

    os.kill(int(site.run(flow_run)["infrastructure_pid"].rpartition(":")[2]), signal.SIGKILL)
    until(lambda: site.run(flow_run)["state_type"] == "CRASHED")
    site.post(
        f"flow_runs/{flow_run}/set_state", {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    )
    until(lambda: site.run(flow_run)["state_type"] == "RUNNING" and site.run(flow_run)["run_count"] == 2)
    until(lambda: takes_up(site, flow_run))

    assert [(run["id"], run["state_type"]) for run in site.children(flow_run)] == [(child["id"], "RUNNING")]
    site.post(f"flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
    assert site.ended(flow_run)["state_type"] == "CANCELLED"
    assert site.ended(child["id"])["state_type"] == "CANCELLED"


def takes_up(site: Site, flow_run: str) -> bool:
    tasks = site.post("task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
    return sum(task["name"] == "run dates" for task in tasks) == 2


@pytest.mark.slow
def test_a_work_pool_with_room_for_the_backfill_alone_is_refused_before_anything_is_started(site: Site):
    with limited(site, 1):
        ended = site.ended(site.begin(site.order("any", "2026-11-06", "2026-11-06")))

    assert ended["state_type"] == "FAILED"
    assert f"The work pool '{site.pool}' runs one flow run at a time" in ended["state"]["message"]
    assert site.children(ended["id"]) == []


@contextlib.contextmanager
def limited(site: Site, limit: int) -> Iterator[None]:
    def set_to(value: int | None) -> None:
        send("PATCH", f"{site.api}/work_pools/{site.pool}", {"concurrency_limit": value})

    set_to(limit)
    try:
        yield
    finally:
        set_to(None)


def test_what_cannot_work_is_refused_before_a_run_is_started_and_what_never_begins_is_withdrawn(
    site: Site, run_here: RunHere, repository: Path
):
    pool, on_demand = f"unserved-{site.pool}", f"unserved-{site.on_demand}"
    site.post("work_pools/", {"name": pool, "type": "process", "base_job_template": {}})
    deploy(site.api, batch_scoring, on_demand, pool, repository)
    one = site.order("any", "2026-11-07", "2026-11-07")
    orders = [
        {**one, "last_date": "2026-11-06"},
        {**one, "at_once": 0},
        {**one, "deployment": "batch-scoring/nowhere"},
        {**one, "other_parameters": {"row_per_job": 3}},
        {**one, "other_parameters": {"time_zone": "Europe/Nowhere"}},
        {**one, "deployment": f"batch-scoring/{on_demand}", "begin_within_minutes": 0.1},
    ]
    said = []
    for order in orders:
        with pytest.raises(Exception) as refused:
            run_here(backfill, **order, environment=site.environment)
        said.append(f"{refused.typename} {refused.value}".replace("\n", " "))

    assert said[0].startswith("InputError The range 2026-11-07 to 2026-11-06 is reversed")
    assert re.match("ParameterTypeError .*at_once", said[1])
    assert said[2].startswith("ConfigurationError There is no deployment 'batch-scoring/nowhere'")
    assert re.match("ConfigurationError .* takes no row_per_job; it takes bytes_per_job, contract, .*inputs, ", said[3])
    assert re.match("InputError The deployment refuses .*time_zone.*Europe/Nowhere", said[4])
    assert len(said[4]) < 500
    assert re.match("ConfigurationError 1 of 1 date is not done: .*no run of it has begun", said[5])
    (withdrawn,) = site.post("flow_runs/filter", {"deployments": {"name": {"any_": [on_demand]}}})
    assert withdrawn["state_type"] == "CANCELLED"

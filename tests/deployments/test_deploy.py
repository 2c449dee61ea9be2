"""The deployments on a real Prefect server with a real worker: what is deployed, and how scheduled runs go."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import yaml
from azure.storage.blob import ContainerClient

from bes.client import BesClient
from bes.settings import EndpointSettings
from deployments.embedded import Surroundings, environment_of
from deployments.processes import ChildProcess
from deployments.stack import LocalStack
from tests.deployments.conftest import prefect_command
from tests.patient import patient_session
from tests.prefect_server import StartPrefect

# Flow processes and a server of their own, which a loaded machine starts in minutes.
pytestmark = pytest.mark.timeout(1200)

BERLIN = ZoneInfo("Europe/Berlin")
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
EXTRACT = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review number {number}\n" for number in range(1, 4))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Prefect:
    """A server on one port and its own data, which can be stopped and started again."""

    home: Path
    start_on: StartPrefect
    port: int = field(default_factory=free_port)
    parts: ExitStack = field(default_factory=ExitStack)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        stack = self.parts.enter_context(LocalStack(self.home))
        self.start_on(stack, self.port)

    def stop(self) -> None:
        self.parts.close()

    def read(self, path: str) -> Any:
        return self._call("GET", path, None)

    def ask(self, path: str, **body: Any) -> Any:
        return self._call("POST", path, body)

    def change(self, path: str, **body: Any) -> Any:
        return self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        answer = patient_session().request(method, f"{self.api}/{path}", json=body, timeout=240)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.read(f"deployments/name/{name}")
        return found

    def template(self) -> dict[str, Any]:
        """That of the default work pool."""
        found: dict[str, Any] = self.read("work_pools/batch-scoring")["base_job_template"]
        return found

    def add(self, deployment_id: str, **schedule: str) -> None:
        """Add a schedule by hand."""
        self._call("POST", f"deployments/{deployment_id}/schedules", [{"schedule": schedule, "active": True}])

    def run(self, name: str, **parameters: Any) -> str:
        """Start a run of a deployment, as the form of the UI does."""
        created = self.ask(f"deployments/{self.deployment(name)['id']}/create_flow_run", parameters=parameters)
        return str(created["id"])

    def miss(self, name: str, days: int) -> list[str]:
        """What an outage of the last days leaves behind: runs that are due; the oldest first."""
        deployment = self.deployment(name)["id"]
        now = datetime.now(UTC)
        begin = now - timedelta(days=days)
        self.ask(f"deployments/{deployment}/schedule", start_time=f"{begin}", end_time=f"{now}", max_runs=days)
        due = self.ask(
            "flow_runs/filter",
            flow_runs={"deployment_id": {"any_": [deployment]}, "expected_start_time": {"before_": f"{now}"}},
            sort="EXPECTED_START_TIME_ASC",
        )
        return [run["id"] for run in due]

    def ended(self, run_id: str, seconds: float = 240) -> dict[str, Any]:
        run: dict[str, Any] = eventually(lambda: self._ended(run_id), seconds)
        return run

    def _ended(self, run_id: str) -> dict[str, Any] | None:
        run: dict[str, Any] = self.read(f"flow_runs/{run_id}")
        return run if run["state_type"] in ENDED else None

    def starts(self, run_id: str, *, ended: int) -> list[dict[str, Any]]:
        """Task runs that start jobs, once the server has recorded the end of so many, some seconds after the fact."""
        mine = {"flow_runs": {"id": {"any_": [run_id]}}}

        def recorded() -> list[dict[str, Any]] | None:
            tasks = [task for task in self.ask("task_runs/filter", **mine) if task["name"].startswith("start ")]
            return tasks if sum(task["state_type"] in ENDED for task in tasks) == ended else None

        return sorted(eventually(recorded), key=lambda task: task["start_time"])


def eventually(probe: Callable[[], Any], seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < end
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory, new_prefect: StartPrefect) -> Iterator[Prefect]:
    server = Prefect(tmp_path_factory.mktemp("prefect"), new_prefect)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def environment(
    prefect: Prefect, azurite: Any, endpoint: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    chosen = Surroundings(endpoint=endpoint, storage=azurite.settings, prefect_api=prefect.api)
    own = {
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path_factory.mktemp("runs")),
        "PREFECT_HOME": str(tmp_path_factory.mktemp("client")),
    }
    return {name: value for name, value in {**environment_of(chosen), **own}.items() if value is not None}


Deploy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def deploy(repository: Path, environment: dict[str, str], keep_process: None) -> Iterator[Deploy]:
    """`deploy("--prune", ...)`; environment variables may be changed by name."""

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return prefect_command("deploy", *arguments, environment={**environment, **changed})

    with pytest.MonkeyPatch.context() as here:
        here.chdir(repository)
        yield run


@pytest.fixture(scope="module")
def deployed(deploy: Deploy) -> dict[str, Any]:
    """The shipped file, deployed to an empty server."""
    done = deploy("--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def worker(deployed: dict[str, Any], repository: Path, environment: dict[str, str], tmp_path_factory) -> Iterator[None]:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "batch-scoring"]
    changes = {**environment, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    with ChildProcess("worker", command, environment=changes, log_path=log):
        yield


def own_file(folder: Path, *entries: dict[str, Any]) -> str:
    """A file of deployments of the test's own."""
    given = {"entrypoint": "flows/batch_scoring.py:batch_scoring", "tags": ["batch-scoring"], "schedules": []}
    whole = [{**given, "work_pool": {"name": "batch-scoring"}, **entry} for entry in entries]
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump({"deployments": whole}))
    return str(path)


def extract(folder: Path, text: str = EXTRACT) -> str:
    # Rows of its own, since the same work is not done twice.
    path = folder / f"{uuid.uuid4().hex}.csv"
    path.write_text(text.replace("Review", f"Review {path.stem}"))
    return str(path)


def published(environment: dict[str, str]) -> dict[str, Any]:
    with ContainerClient.from_connection_string(
        environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"], environment["BATCH_SCORING_STORAGE_CONTAINER"]
    ) as container:
        latest: dict[str, Any] = json.loads(container.download_blob("published/book_reviews/latest.json").readall())
        return latest


def test_the_shipped_file_is_deployed_whole_and_the_default_work_pool_is_made(
    prefect: Prefect, deployed: dict[str, Any]
):
    assert deployed["deployments"] == {
        "batch-scoring/nightly": ["30 3 * * * Europe/Berlin"],
        "batch-scoring/on-demand": [],
        "batch-scoring/backfill": [],
        "sweep/hourly": ["10 * * * * UTC"],
        "input-watch/daily": ["0 3 * * * Europe/Berlin"],
        "requeue/on-demand": [],
    }
    assert prefect.read("work_pools/batch-scoring")["type"] == "process"
    nightly = prefect.deployment("batch-scoring/nightly")
    assert set(nightly["tags"]) == {"batch-scoring", "nightly", "auto-resume"}
    assert nightly["description"].startswith("Scores the night's extract")
    assert nightly["parameters"]["retries"]["retries"] == 5
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert nightly["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert nightly["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert [schedule["slug"] for schedule in nightly["schedules"]] == ["nightly"]
    assert prefect.deployment("sweep/hourly")["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_prefect_makes_the_runs_of_a_schedule(prefect: Prefect, deployed: dict[str, Any]):
    mine = {"deployment_id": {"any_": [prefect.deployment("batch-scoring/nightly")["id"]]}}
    (first, *_) = eventually(lambda: prefect.ask("flow_runs/filter", flow_runs=mine, sort="EXPECTED_START_TIME_ASC"))
    due = datetime.fromisoformat(first["expected_start_time"]).astimezone(BERLIN)
    assert f"{due:%H:%M}" == "03:30"
    assert first["created_by"]["display_value"] == "nightly"


def test_the_nightly_run_scores_the_sample_when_it_is_started_by_its_name(
    prefect: Prefect, deployed: dict[str, Any], worker: None, repository: Path, environment: dict[str, str]
):
    started = datetime.now(BERLIN).date()
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "run", "batch-scoring/nightly", "--watch"],
        cwd=repository,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    latest = published(environment)["current"]
    assert latest["n_scored"] == 994
    assert date.fromisoformat(latest["run_date"]) in (started, datetime.now(BERLIN).date())


@pytest.mark.slow
def test_each_deployment_repeats_its_steps_as_often_as_its_own_settings_say(
    prefect: Prefect,
    deploy: Deploy,
    worker: None,
    repository: Path,
    environment: dict[str, str],
    faults: Any,
    tmp_path: Path,
):
    # Without golden rows, the jobs of the shards are the only ones that are started.
    contract = yaml.safe_load((repository / "data/contracts/book_reviews.yaml").read_text())
    plain = f"{tmp_path}/book_reviews.yaml"
    Path(plain).write_text(yaml.safe_dump({**contract, "golden": []}, sort_keys=False))
    file = own_file(
        tmp_path,
        {"name": "patient", "parameters": {"contract": plain, "retries": {"retries": 3, "delays_seconds": [0]}}},
        {"name": "hasty", "parameters": {"contract": plain, "retries": {"retries": 0}}},
    )
    assert deploy("--prefect-file", file).returncode == 0
    faults.arm(kind="status", operation="start", status=503, times=3)

    patient = prefect.run("batch-scoring/patient", inputs=[extract(tmp_path)])
    assert prefect.ended(patient)["state_type"] == "COMPLETED"

    assert len(faults.served()) == 3
    assert [start["run_count"] for start in prefect.starts(patient, ended=1)] == [4]
    faults.arm(kind="status", operation="start", status=503)

    hasty = prefect.run("batch-scoring/hasty", inputs=[extract(tmp_path)])
    run = prefect.ended(hasty)

    # Neither the step is repeated nor the run.
    assert (run["state_type"], run["run_count"]) == ("FAILED", 1)
    assert len(faults.served()) == 4
    assert [start["run_count"] for start in prefect.starts(hasty, ended=1)] == [1]
    prefect.ask(f"flow_runs/{hasty}/set_state", state={"type": "SCHEDULED", "name": "AwaitingRetry"}, force=True)
    eventually(lambda: prefect.read(f"flow_runs/{hasty}")["run_count"] == 2)
    run = prefect.ended(hasty)
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 2)
    key = published(environment)["current"]["run_key"]
    manifest = json.loads((Path(environment["BATCH_SCORING_RUN_DATA_DIR"]) / key / "manifest.json").read_text())
    assert [job["attempt"] for job in manifest["jobs"]] == [1]


@pytest.mark.slow
def test_after_an_outage_the_latest_missed_run_does_the_work_and_the_others_end_as_skipped(
    prefect: Prefect, deploy: Deploy, worker: None, environment: dict[str, str], tmp_path: Path
):
    schedule = {"slug": "midnight", "cron": "30 0 * * *", "timezone": "Europe/Berlin"}
    given = {"time_zone": "Europe/Berlin", "inputs": [f"{tmp_path}/{{run_date}}.csv"]}
    file = own_file(
        tmp_path,
        {"name": "latest", "parameters": {**given, "missed_runs": "latest"}, "schedules": [schedule]},
        {"name": "skip", "parameters": {**given, "missed_runs": "skip"}, "schedules": [schedule]},
    )
    # Every day's own extract; of 00:30 in Berlin, the day in UTC is the one before.
    today = datetime.now(BERLIN).date()
    for days in range(5):
        Path(extract(tmp_path)).rename(tmp_path / f"{today - timedelta(days=days)}.csv")
    assert deploy("--prefect-file", file).returncode == 0

    missed = prefect.miss("batch-scoring/latest", days=3)
    (too_late, *_) = prefect.miss("batch-scoring/skip", days=2)

    *older, newest = [prefect.ended(run) for run in missed]
    assert len(older) == 2
    assert [(run["state_type"], run["state_name"]) for run in older] == [("COMPLETED", "Skipped")] * 2
    assert all("missed_runs: latest" in run["state"]["message"] for run in older)
    assert newest["state_name"] == "Completed"
    due = datetime.fromisoformat(newest["expected_start_time"])
    assert published(environment)["current"]["run_date"] == f"{due.astimezone(BERLIN).date()}"
    assert due.astimezone(BERLIN).date() != due.astimezone(UTC).date()
    late = prefect.ended(too_late)
    assert late["state_name"] == "Skipped"
    assert "could begin only" in late["state"]["message"]


@pytest.mark.slow
def test_deploying_again_removes_what_left_the_file_and_leaves_paused_what_was_paused(
    prefect: Prefect, deployed: dict[str, Any], deploy: Deploy, tmp_path: Path
):
    one, two, three = ({"slug": slug, "cron": "0 4 * * *"} for slug in ("one", "two", "three"))
    prefect.ask("work_pools/", name="own", type="process", base_job_template=prefect.template())
    file = own_file(tmp_path, {"name": "stays", "schedules": [one, two]}, {"name": "goes", "schedules": [one]})
    assert deploy("--prefect-file", file, "--work-pool", "own").returncode == 0
    stays = prefect.deployment("batch-scoring/stays")
    assert stays["work_pool_name"] == "own"
    first = next(schedule for schedule in stays["schedules"] if schedule["slug"] == "one")
    prefect.change(f"deployments/{stays['id']}/schedules/{first['id']}", active=False)
    # One without a slug, as the UI makes them: then Prefect makes all schedules anew when it deploys.
    prefect.add(stays["id"], cron="0 5 * * *", timezone="UTC")

    own_file(tmp_path, {"name": "stays", "schedules": [one, three]})
    again = deploy("--prefect-file", file, "--work-pool", "own")

    assert again.returncode == 0, again.stderr
    now = prefect.deployment("batch-scoring/stays")
    assert {schedule["slug"]: schedule["active"] for schedule in now["schedules"]} == {"one": False, "three": True}
    assert "batch-scoring/stays  0 4 * * * UTC (paused), 0 4 * * * UTC\n" in again.stdout
    assert "batch-scoring/stays: two" in again.stdout
    assert "0 5 * * *" in again.stdout
    assert "Not in the file, but on the server with their schedules: batch-scoring/goes." in again.stdout
    assert prefect.deployment("batch-scoring/goes")["schedules"]

    prefect.ask(f"deployments/{stays['id']}/pause_deployment")
    own_file(tmp_path, {"name": "stays", "schedules": []})
    pruned = deploy("--prefect-file", file, "--work-pool", "own", "--prune", "--json")

    told = json.loads(pruned.stdout)
    assert told["removed_schedules"] == ["batch-scoring/stays: one", "batch-scoring/stays: three"]
    assert told["pruned"] == ["batch-scoring/goes"]
    assert requests.get(f"{prefect.api}/deployments/name/batch-scoring/goes", timeout=60).status_code == 404
    assert prefect.deployment("batch-scoring/stays")["schedules"] == []
    assert prefect.deployment("batch-scoring/stays")["paused"] is True
    assert prefect.deployment("batch-scoring/nightly")["schedules"], "another pool's deployments are left alone"


@pytest.mark.slow
def test_when_prefect_stops_halfway_it_is_told_what_is_deployed(
    prefect: Prefect, deployed: dict[str, Any], deploy: Deploy, tmp_path: Path
):
    refused = {"name": "batch-scoring", "job_variables": {"stream_output": "perhaps"}}
    before = own_file(tmp_path, {"name": "second", "schedules": [{"slug": "kept", "cron": "0 4 * * *"}]})
    assert deploy("--prefect-file", before).returncode == 0
    file = own_file(tmp_path, {"name": "first"}, {"name": "second", "work_pool": refused}, {"name": "third"})

    done = deploy("--prefect-file", file)

    assert done.returncode == 1
    assert "perhaps" in done.stderr
    assert "Deployed: batch-scoring/first. As before: batch-scoring/second, batch-scoring/third." in done.stderr
    assert prefect.deployment("batch-scoring/first")
    schedules = prefect.deployment("batch-scoring/second")["schedules"]
    assert [schedule["slug"] for schedule in schedules] == ["kept"], "what was not deployed keeps its schedules"


def test_what_is_missing_is_told_before_anything_is_deployed(
    prefect: Prefect, deployed: dict[str, Any], deploy: Deploy, tmp_path: Path
):
    no_pool = deploy("--work-pool", "nowhere")
    no_server = deploy("--json", PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api")
    no_address = deploy(PREFECT_API_URL="")
    wrong = own_file(tmp_path, {"name": "wrong", "schedules": [{"slug": "a", "cron": "0 4 * * *", "timezone": "CET/"}]})
    no_zone = deploy("--prefect-file", wrong)

    assert [done.returncode for done in (no_pool, no_server, no_address, no_zone)] == [2, 1, 2, 2]
    assert "There is no work pool 'nowhere'; there are: batch-scoring" in no_pool.stderr
    assert "prefect work-pool create 'nowhere' --type process" in no_pool.stderr
    assert "does not answer. Start it, or set PREFECT_API_URL" in json.loads(no_server.stdout)["error"]
    assert "No Prefect server is set" in no_address.stderr
    assert "There is no time zone 'CET/'" in no_zone.stderr
    assert prefect.deployment("batch-scoring/nightly")["work_pool_name"] == "batch-scoring"


@pytest.mark.slow
def test_a_run_ends_well_although_the_server_is_away_until_it_has_published(
    prefect: Prefect,
    deployed: dict[str, Any],
    worker: None,
    environment: dict[str, str],
    endpoint: EndpointSettings,
    faults: Any,
    tmp_path: Path,
):
    # Of the nightly deployment, since its limit is what a restart of the server would cost it.
    leases = prefect.read("admin/settings")["server"]["concurrency"]["lease_storage"]
    assert leases == "prefect.server.concurrency.lease_storage.filesystem"
    faults.arm(kind="hang", seconds=3600)
    before = published(environment)["current"]["run_key"]
    run_id = prefect.run("batch-scoring/nightly", inputs=[extract(tmp_path)])
    (hung,) = eventually(faults.served)

    prefect.stop()
    # A job that somebody cancels is replaced by another, which does not hang.
    with BesClient(endpoint) as client:
        client.delete(hung["hit"])
    eventually(lambda: published(environment)["current"]["run_key"] != before)
    prefect.start()

    # The pauses of the client that asks for the server double each time.
    run = prefect.ended(run_id, seconds=600)
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1)

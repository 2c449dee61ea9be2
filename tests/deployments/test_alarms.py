"""The alarms on a real Prefect server: each is made by the command, and each fires."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobServiceClient

from deployments.automations import ALARMS, AlarmFile
from deployments.processes import ChildProcess
from tests.deployments.conftest import prefect_command
from tests.patient import patient_session
from tests.waiting import eventually

# Prefect's own waits add up, and a loaded machine takes a multiple.
pytestmark = pytest.mark.timeout(1200)

TAG = f"alarms-{uuid.uuid4().hex[:8]}"
OTHERS = "of-somebody-else"
TOLERANCE_SECONDS = 60
"""Two heartbeats of 30 s, which Prefect does not let be shorter: enough for runs that are over soon."""
DELAY_SECONDS = 20
"""Longer than Prefect's worker takes to report a killed process once more: it looks for hooks of the flow first."""
EXTRACT = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review {number}\n" for number in range(1, 5))


@dataclass(frozen=True)
class Server:
    """What the tests ask of Prefect's API."""

    api: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = patient_session().request(method, f"{self.api}/{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"flow_runs/{run_id}")
        return found

    def automations(self, tag: str = TAG) -> dict[str, dict[str, Any]]:
        found = self.call("POST", "automations/filter", {})
        return {one["name"]: one for one in found if tag in one["tags"]}

    def deployment(self, name: str, entrypoint: str, *, folder: Path, pool: str, tags: list[str]) -> str:
        flow = self.call("POST", "flows/", {"name": name})
        made = self.call(
            "POST",
            "deployments/",
            {
                "name": TAG,
                "flow_id": flow["id"],
                "entrypoint": entrypoint,
                "pull_steps": [
                    {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}},
                ],
                "work_pool_name": pool,
                "tags": [TAG, *tags],
                "job_variables": {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}},
            },
        )
        return str(made["id"])

    def start(self, deployment: str, **run: Any) -> str:
        return str(self.call("POST", f"deployments/{deployment}/create_flow_run", run)["id"])


@dataclass
class Inbox:
    """A socket that takes what a notification block sends."""

    url: str
    messages: list[dict[str, str]] = field(default_factory=list)

    def about(self, *words: str) -> list[dict[str, str]]:
        return [one for one in self.messages if all(word in one["subject"] + one["body"] for word in words)]

    def wait_for(self, *words: str, seconds: float = 180) -> dict[str, str]:
        eventually(lambda: self.about(*words), seconds=seconds)
        return self.about(*words)[0]


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        box = Inbox(url=f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()


@pytest.fixture(scope="module")
def server(prefect_api: str) -> Server:
    return Server(prefect_api)


@pytest.fixture(scope="module")
def command(prefect_api: str, keep_process: None) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return prefect_command("automations", *arguments, environment={"PREFECT_API_URL": prefect_api})

    return run


@pytest.fixture(scope="module")
def alarms(server: Server, inbox: Inbox, command: Any) -> Iterator[list[str]]:
    """The arguments with which the alarms are applied; they are in effect, and removed at the end."""
    block_type = server.call("GET", "block_types/slug/custom-webhook")["id"]
    schema = server.call("POST", "block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [block_type]}}})[
        0
    ]
    data = {"name": TAG, "url": inbox.url, "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    block = {"name": TAG, "block_type_id": block_type, "block_schema_id": schema["id"], "data": data}
    server.call("POST", "block_documents/", block)
    values = {
        "tag": TAG,
        "notify": f"custom-webhook/{TAG}",
        "heartbeat_tolerance_seconds": TOLERANCE_SECONDS,
        "late_tolerance_seconds": 10,
        "max_resumes": 1,
        "resume_delay_seconds": DELAY_SECONDS,
    }
    arguments = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    done = command("apply", *arguments)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    yield arguments
    assert command("remove", "--tag", TAG).returncode == 0
    assert server.automations() == {}


def test_the_command_makes_what_the_file_says_and_nothing_twice(alarms: list[str], server: Server, command: Any):
    file = AlarmFile.load(ALARMS, {})
    before = server.automations()
    assert set(before) == {f"{TAG}: {automation['name']}" for automation in file.automations}
    late = f"{TAG}: nightly run late"
    server.call("PATCH", f"automations/{before[late]['id']}", {"enabled": False})
    foreign = {"name": OTHERS, "tags": [TAG], "trigger": {"type": "event", "posture": "Reactive", "expect": ["x"]}}
    foreign_id = server.call("POST", "automations/", {**foreign, "actions": [{"type": "do-nothing"}]})["id"]

    again = command("apply", *alarms, "--set", "late_tolerance_seconds=11", "--json")

    assert again.returncode == 0, again.stderr
    changes = json.loads(again.stdout)["changes"]
    assert {name for name, what in changes.items() if what != "unchanged"} == {late}
    after = server.automations()
    assert {name: after[name]["id"] for name in before} == {name: before[name]["id"] for name in before}
    assert after[late]["enabled"] is False
    assert after.pop(OTHERS)["id"] == foreign_id
    server.call("DELETE", f"automations/{foreign_id}")
    server.call("PATCH", f"automations/{after[late]['id']}", {"enabled": True})


def test_without_a_block_the_alarms_that_act_are_made_and_the_others_are_named(command: Any, server: Server):
    tag = f"{TAG}-silent"
    done = command("apply", "--set", f"tag={tag}")

    assert done.returncode == 0, done.stderr
    names = {name.removeprefix(f"{tag}: ") for name in server.automations(tag)}
    assert names == {
        "run without heartbeat",
        "crashed run is started again",
        "run that crashes before it begins",
    }
    assert f"'{tag}: nightly run late' notifies nobody" in done.stderr
    assert "--set notify=TYPE/NAME" in done.stderr
    assert command("remove", "--tag", tag).stdout.count("removed") == 3


EVENING = """
import asyncio, contextlib
from prefect import tags
from flows.batch_scoring import batch_scoring
from flows.input_watch import input_watch

def run(flow, *arguments):
    with contextlib.suppress(Exception):
        asyncio.run(flow(*arguments))

run(batch_scoring, ["/nowhere.csv"], "somebody_elses")
with tags({tag!r}):
    run(input_watch, ["/nowhere/{tag}/{{run_date}}.csv"], "book_reviews")
    run(batch_scoring, [{extract!r}], "book_reviews")
    run(batch_scoring, ["/nowhere.csv"], "ours_that_fails")
"""

CRASHING = """
import os, signal
from prefect import flow

@flow(name="crashing")
async def crashing():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Journal:
    """What the container knows of the one run in it."""

    environment: dict[str, str]

    def read(self, ending: str) -> dict[str, Any] | None:
        account = self.environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
        with BlobServiceClient.from_connection_string(account) as storage:
            container = storage.get_container_client(self.environment["BATCH_SCORING_STORAGE_CONTAINER"])
            if not container.exists():
                return None
            found = [blob.name for blob in container.list_blobs("runs/") if blob.name.endswith(ending)]
            content = container.download_blob(found[0]).readall() if found else b"null"
        read: dict[str, Any] | None = json.loads(content)
        return read

    def attempts(self) -> list[dict[str, Any]]:
        shard = self.read("shards/00000.json")
        return shard["attempts"] if shard else []

    def writer(self) -> int:
        run = self.read("run.json")
        return run["writer"]["pid"] if run else 0


@dataclass(frozen=True, kw_only=True)
class Night:
    """A night on which everything goes wrong.

    Args:
        scored: Its process and its worker were killed; another worker is there.
        crashing: It crashes each time that it begins.
        late: Nobody takes it.
        journal: Of `scored`.
        results: Where `scored` leaves its files.
    """

    scored: str
    crashing: str
    late: str
    journal: Journal
    results: Path


@pytest.fixture(scope="module")
def night(
    alarms: list[str],
    server: Server,
    repository: Path,
    local_stack: Any,
    stack_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    (folder / "crashing.py").write_text(CRASHING)
    extract = folder / "extract.csv"
    extract.write_text(EXTRACT)
    environment = {
        **stack_environment,
        "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}",
        "BATCH_SCORING_RUN_DATA_DIR": str(folder / "runs"),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PYTHONPATH": str(repository),
    }
    journal = Journal(environment)
    pool, abandoned = f"{TAG}-pool", f"{TAG}-abandoned"
    for name in (pool, abandoned):
        server.call("POST", "work_pools/", {"name": name, "type": "process"})

    def worker(log: str) -> ChildProcess:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
        return ChildProcess("worker", command, environment=environment, log_path=folder / log)

    program = "flows/batch_scoring.py:batch_scoring"
    late = server.start(
        server.deployment("late", program, folder=repository, pool=abandoned, tags=["nightly"]),
        state={"type": "SCHEDULED", "state_details": {"scheduled_time": a_minute_ago()}},
        parameters={"inputs": ["/nowhere.csv"]},
    )
    book = f"{local_stack.web_service_url}/faults"
    with worker("first.log") as lost:
        # The run waits for its job as long as this lasts.
        silence = {"kind": "status", "operation": "status", "status": 503, "times": 1_000_000}
        requests.post(book, json=silence, timeout=30).raise_for_status()
        scored = server.start(
            server.deployment("batch-scoring", program, folder=repository, pool=pool, tags=["auto-resume"]),
            parameters={"inputs": [str(extract)], "contract": "book_reviews"},
        )
        eventually(lambda: [one["state"] for one in journal.attempts()] == ["started"], seconds=240)
        # The machine is gone: the worker and the flow's process with it, and nobody is left to tell.
        eventually(lambda: heartbeats(server, scored))
        os.killpg(lost.pid, signal.SIGKILL)
        os.kill(journal.writer(), signal.SIGKILL)
    assert server.run(scored)["state_type"] == "RUNNING"
    requests.delete(book, timeout=30).raise_for_status()
    with worker("second.log"):
        crashing = server.start(
            server.deployment("crashing", "crashing.py:crashing", folder=folder, pool=pool, tags=["auto-resume"])
        )
        evening(repository, {**environment, "BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}"}, folder)
        yield Night(scored=scored, crashing=crashing, late=late, journal=journal, results=folder / "runs")


def evening(repository: Path, environment: dict[str, str], folder: Path) -> None:
    extract = folder / "quarantined.csv"
    extract.write_text(EXTRACT + "R000009,6,out of range\n")
    done = subprocess.run(
        [sys.executable, "-c", EVENING.format(tag=TAG, extract=str(extract))],
        cwd=repository,
        env={**os.environ, **environment, "BATCH_SCORING_RUN_DATA_DIR": str(folder / "evening")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def a_minute_ago() -> str:
    return (datetime.now(UTC) - timedelta(minutes=1)).isoformat()


def heartbeats(server: Server, run_id: str) -> int:
    names, resource = {"name": ["prefect.flow-run.heartbeat"]}, {"id": [f"prefect.flow-run.{run_id}"]}
    found = server.call("POST", "events/filter", {"filter": {"event": names, "resource": resource}})
    return int(found["total"])


def ended_often(run: dict[str, Any], times: int) -> bool:
    return (run["state_type"], run["run_count"]) == ("CRASHED", times)


@pytest.mark.slow
def test_a_failed_run_of_ours_notifies_with_its_page_and_what_to_do(night: Night, inbox: Inbox, server: Server):
    message = inbox.wait_for("ours_that_fails")
    ours = {"name": {"like_": "ours_that_fails"}, "tags": {"all_": [TAG]}}
    (run,) = server.call("POST", "flow_runs/filter", {"flow_runs": ours})
    assert message["subject"] == f"batch-scoring: run {run['name']} Failed"
    assert run["state"]["message"] in message["body"]
    assert f"{server.api.removesuffix('/api')}/runs/flow-run/{run['id']}" in message["body"]
    assert f"prefect flow-run retry {run['id']}" in message["body"]
    assert inbox.about("somebody_elses") == []


@pytest.mark.slow
def test_input_that_is_missing_at_the_hour_notifies(night: Night, inbox: Inbox):
    message = inbox.wait_for("no input for")
    today = datetime.now(UTC).date()
    assert message["subject"].startswith("book_reviews: no input for ")
    assert any(f"/nowhere/{TAG}/{day}.csv" in message["body"] for day in (today, today - timedelta(days=1)))


@pytest.mark.slow
def test_a_large_quarantine_notifies_with_its_rules(night: Night, inbox: Inbox):
    message = inbox.wait_for("are quarantined")
    assert message["subject"] == "book_reviews: 20.0 % of the rows are quarantined"
    assert "1 of its 5 rows" in message["body"]
    assert "expect_column_values_to_be_between Col1: 1 rows" in message["body"]
    assert "batch-scoring rollback book_reviews" in message["body"]


@pytest.mark.slow
def test_a_nightly_run_that_nobody_begins_notifies(night: Night, inbox: Inbox, server: Server):
    message = inbox.wait_for("is late")
    assert night.late in message["body"]
    assert f"prefect worker start --pool {TAG}-abandoned" in message["body"]


@pytest.mark.slow
def test_a_run_goes_on_after_its_process_and_its_worker_were_killed_and_publishes_once(
    night: Night, inbox: Inbox, server: Server
):
    eventually(lambda: server.run(night.scored)["state_type"] == "COMPLETED", seconds=300)

    assert server.run(night.scored)["run_count"] == 2
    (attempt,) = night.journal.attempts()
    assert attempt["state"] == "verified"
    (predictions,) = night.results.glob("*/predictions.csv")
    assert len(predictions.read_text().splitlines()) == 5
    message = inbox.wait_for(night.scored, "is Crashed")
    assert f"There was no heartbeat for {TOLERANCE_SECONDS} s." in message["body"]
    assert f"is started again by itself after {DELAY_SECONDS} s, up to 1 times" in message["body"]


@pytest.mark.slow
def test_a_run_that_crashes_each_time_is_started_again_as_often_as_allowed(night: Night, inbox: Inbox, server: Server):
    eventually(lambda: ended_often(server.run(night.crashing), 2), seconds=300)
    inbox.wait_for(night.crashing, "has begun 2 time(s) and is not started again by itself")
    # It is left alone: the automation would have acted within two looks of the server after the delay.
    time.sleep(DELAY_SECONDS + 2 * 5)
    assert ended_often(server.run(night.crashing), 2)

"""The web service is killed in the middle of a run and comes back: the run does not notice, or is finished."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from bes.settings import EndpointSettings
from deployments.processes import ChildProcess
from deployments.stack import LocalStack


@pytest.fixture
def service(local_stack: LocalStack, azurite: Any, tmp_path: Path) -> Iterator["Service"]:
    with Service(local_stack, azurite.connection_string, tmp_path / "service") as running:
        yield running


class Service:
    """A web service on a fixed port and its own data, which can be killed and started again."""

    def __init__(self, stack: LocalStack, connection_string: str, home: Path) -> None:
        home.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._home = home
        self._environment = {
            "BATCH_SCORING_SERVICE_DEFINITION": str(stack.home / "service.toml"),
            "BATCH_SCORING_SERVICE_DATA_DIR": str(home / "data"),
            "BATCH_SCORING_SERVICE_STORAGE_CONNECTION_STRING": connection_string,
            "BATCH_SCORING_SERVICE_PORT": str(self._port),
            "BATCH_SCORING_SERVICE_FAULTS": "true",
            "BATCH_SCORING_SERVICE_WORKER_PROCESSES": "1",
        }
        self._child: ChildProcess | None = None
        self.keys = stack.keys

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "service.web_service"]
        self._child = ChildProcess(
            "web service", command, environment=self._environment, log_path=self._home / "service.log"
        )
        self.url = self._child.wait_until_ready(
            self._child.printed(r"listening on (http://127\.0\.0\.1:\d+)"), deadline_seconds=60
        )

    def kill(self) -> None:
        subprocess.run(["kill", "-9", str(self._child.pid)], check=True)
        self._child.stop()

    @property
    def endpoint(self) -> EndpointSettings:
        return EndpointSettings(
            url=self.url,
            workspace=self.keys.workspace,
            service=self.keys.service,
            api_key=SecretStr(self.keys.api_key),
            subscription_key=SecretStr(self.keys.subscription_key),
        )


@pytest.fixture
def arm(service: Service) -> Callable[..., None]:
    def arm(**fault: Any) -> None:
        requests.post(f"{service.url}/faults", data=json.dumps(fault), timeout=30).raise_for_status()

    return arm


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("step", ["journal started after", "status after"])
def test_a_service_that_is_killed_and_comes_back_finishes_the_jobs_it_knew(
    work: Any, undisturbed: bytes, service: Service, arm: Callable[..., None], step: str
):
    work.endpoint = service.endpoint
    arm(kind="queue", seconds=2, times=3)
    run = work.start()
    work.wait_for(step)

    service.kill()
    service.start()

    if work.driver.wait(run) != 0:
        # It was killed while the next job was to be submitted or started, which is for the next run.
        assert work.result(run)["error"] == "Unavailable"
        work.must_run()
    work.require_whole(undisturbed)
    assert all(len(shard["attempts"]) <= 2 for shard in work.shards())


@pytest.mark.usefixtures("endpoint")
def test_a_service_that_has_forgotten_its_jobs_is_given_others(
    work: Any, undisturbed: bytes, service: Service, arm: Callable[..., None], tmp_path: Path
):
    work.endpoint = service.endpoint
    arm(kind="queue", seconds=600, times=3)
    run = work.start()
    work.wait_for("status after")

    service.kill()
    for path in (tmp_path / "service" / "data").rglob("*.sqlite*"):
        path.unlink()
    forgotten = work.job_ids
    service.start()

    assert work.driver.wait(run) == 0, work.result(run)
    assert [work.status(job_id) for job_id in forgotten] == [None] * 3
    work.require_whole(undisturbed)
    assert sorted(attempt["state"] for attempt in work.attempts()) == ["cancelled"] * 3 + ["verified"] * 3

"""The web service as a process of its own, on a real socket: started, called and stopped."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient

from service.declaration import feature_hashing_declaration, key_hash
from service.settings import ENVIRONMENT_PREFIX

DEADLINE_SECONDS = 30
POLL_SECONDS = 0.05


def wait_until(what: Callable[[], Any], deadline_seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true value that `what` gives."""
    deadline = time.monotonic() + deadline_seconds
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"{what} did not come true within {deadline_seconds} seconds")


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> tuple[int, str, str]:
        """HTTP status, class and detail of an error."""
        error = self.json["error"]
        return self.status, error["code"], error["details"][0]["code"]

    @property
    def message(self) -> str:
        return self.json["error"]["details"][0]["message"]


@dataclass(kw_only=True)
class RunningService:
    process: subprocess.Popen[str]
    url: str
    log: Path
    workspace: str
    service: str
    api_key: str
    secondary_key: str
    connection_string: str
    container: str
    blobs: BlobServiceClient = field(repr=False)

    @property
    def base(self) -> str:
        return f"{self.url}/workspaces/{self.workspace}/services/{self.service}"

    def at(self, service: str) -> "RunningService":
        """The same for another web service of the workspace."""
        return replace(self, service=service)

    def call(self, method: str, url: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:
                return Answer(status=response.status, headers=dict(response.headers), body=response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(status=error.code, headers=dict(error.headers), body=error.read())

    def execute(self, body: object, query: str = "api-version=2.0", headers: dict[str, str] | None = None) -> Answer:
        return self.call("POST", f"{self.base}/execute?{query}", body, headers)

    def submit(self, body: object) -> Answer:
        return self.call("POST", f"{self.base}/jobs?api-version=2.0", body)

    def start(self, job_id: str) -> Answer:
        return self.call("POST", f"{self.base}/jobs/{job_id}/start?api-version=2.0", b"")

    def status(self, job_id: str) -> Answer:
        return self.call("GET", f"{self.base}/jobs/{job_id}?api-version=2.0")

    def delete(self, job_id: str) -> Answer:
        return self.call("DELETE", f"{self.base}/jobs/{job_id}?api-version=2.0")

    def run(self, body: object) -> str:
        """Submit and start a job."""
        answer = self.submit(body)
        assert answer.status == 200, answer.body
        assert self.start(answer.json).status == 200
        return answer.json

    def ended(self, job_id: str, deadline_seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """The status of a job once it has ended."""
        return wait_until(lambda: self._if_ended(job_id), deadline_seconds)

    def _if_ended(self, job_id: str) -> dict[str, Any] | None:
        status = self.status(job_id).json
        return status if status["StatusCode"] in ("Finished", "Failed", "Cancelled") else None

    def upload(self, name: str, content: str | bytes) -> dict[str, str]:
        """Put a blob into the container, and give the reference to it."""
        self.blobs.get_blob_client(self.container, name).upload_blob(content, overwrite=True)
        return self.reference(name)

    def reference(self, name: str) -> dict[str, str]:
        return {"ConnectionString": self.connection_string, "RelativeLocation": f"/{self.container}/{name}"}

    def download(self, name: str) -> str:
        return self.blobs.get_blob_client(self.container, name).download_blob().readall().decode()

    def exists(self, name: str) -> bool:
        return self.blobs.get_blob_client(self.container, name).exists()

    def fault(self, **fault: object) -> None:
        assert self.call("POST", f"{self.url}/faults", fault).status == 200

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Keys:
    workspace: str = field(default_factory=lambda: secrets.token_hex(16))
    service: str = field(default_factory=lambda: secrets.token_hex(16))
    primary: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    secondary: str = field(default_factory=lambda: secrets.token_urlsafe(32))


def environment_of(home: Path, connection_string: str, settings: dict[str, object]) -> dict[str, str]:
    ours = {
        "definition": home / "service.toml",
        "data_dir": home / "data",
        "storage_connection_string": connection_string,
        "worker_processes": 2,
        **settings,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    given = {name: value for name, value in ours.items() if value is not None}
    return {**kept, **{ENVIRONMENT_PREFIX + name.upper(): str(value) for name, value in given.items()}}


@contextmanager
def running_service(
    home: Path, connection_string: str, *, keys: Keys, definition: str | None = None, **settings: object
) -> Iterator[RunningService]:
    """A web service on `home`; what an earlier one left there is taken up."""
    home.mkdir(parents=True, exist_ok=True)
    text = definition or feature_hashing_declaration(
        workspace=keys.workspace, service=keys.service, key_hashes=[key_hash(keys.primary), key_hash(keys.secondary)]
    )
    (home / "service.toml").write_text(text)
    log = home / "service.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.web_service"],
            env=environment_of(home, connection_string, settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        with BlobServiceClient.from_connection_string(connection_string, retry_total=1) as blobs:
            container = f"test-{secrets.token_hex(8)}"
            blobs.create_container(container)
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:"), log.read_text()
            yield RunningService(
                process=process,
                url=line.removeprefix("listening on ").strip(),
                log=log,
                workspace=keys.workspace,
                service=keys.service,
                api_key=keys.primary,
                secondary_key=keys.secondary,
                connection_string=connection_string,
                container=container,
                blobs=blobs,
            )
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

"""Runs in processes that are killed, cut off and run twice; and what must be true after each."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobLeaseClient, ContainerClient

from bes.client import BesClient
from bes.errors import NotFound
from bes.protocol import JobStatus
from bes.settings import EndpointSettings
from tests.faults.fault_proxy import FaultProxy

ROWS = [[f"R{number:06d}", str(number % 5 + 1), f"Review number {number} of a good book"] for number in range(1, 8)]
REFUSED = 1
ROWS_PER_JOB = 2
N_SHARDS = 3
PATIENCE_SECONDS = 60


class Driver:
    """The program that forks the runs."""

    def __init__(self, repository: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "driver.py")],
            cwd=repository,
            env={**os.environ, "PYTHONPATH": str(repository)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._codes: dict[int, int] = {}
        self._started: list[int] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, command: dict[str, Any]) -> int:
        """Begin a run; returns its process id."""
        with self._news:
            n_before = len(self._started)
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            assert self._news.wait_for(lambda: len(self._started) > n_before, PATIENCE_SECONDS)
            return self._started[n_before]

    def wait(self, pid: int) -> int:
        """Exit code of a run, negative for a signal."""
        with self._news:
            assert self._news.wait_for(lambda: pid in self._codes, PATIENCE_SECONDS), f"run {pid} does not end"
            return self._codes[pid]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            news = json.loads(line)
            with self._news:
                if "started" in news:
                    self._started.append(news["started"])
                else:
                    self._codes[news["ended"]] = news["code"]
                self._news.notify_all()


@dataclass(kw_only=True)
class Work:
    """One piece of work in a container of its own, run as often as it takes."""

    driver: Driver
    endpoint: EndpointSettings
    connection_string: str
    home: Path
    container: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex}")
    rows: list[list[str]] = field(default_factory=lambda: ROWS)
    settings: dict[str, Any] = field(default_factory=dict)

    def start(self, **how: Any) -> int:
        endpoint = {
            name: getattr(value, "get_secret_value", lambda value=value: value)()
            for name, value in dict(self.endpoint).items()
        }
        return self.driver.start(
            {
                "endpoint": endpoint,
                "connection_string": self.connection_string,
                "container": self.container,
                "home": str(self.home),
                "rows": self.rows,
                "refused": REFUSED,
                "rows_per_job": ROWS_PER_JOB,
                "settings": self.settings,
                **how,
            }
        )

    def run(self, **how: Any) -> int:
        """Run to the end; returns the exit code."""
        self.pid = self.start(**how)
        return self.driver.wait(self.pid)

    def must_run(self, **how: Any) -> dict[str, Any]:
        """Run to the end, which is a good one; returns the manifest."""
        assert self.run(**how) == 0, self.result(self.pid)
        return self.result(self.pid)["manifest"]

    def result(self, pid: int) -> dict[str, Any]:
        return json.loads((self.home / f"result-{pid}.json").read_text())

    @property
    def trace(self) -> list[str]:
        return [line.partition("\t")[0] for line in (self.home / "trace").read_text().splitlines()]

    @property
    def job_ids(self) -> list[str]:
        """All that were registered and answered, whether or not the journal knows them."""
        lines = [line.split("\t") for line in (self.home / "trace").read_text().splitlines()]
        return [what for step, what in lines if step == "submit after"]

    @property
    def predictions(self) -> bytes:
        (path,) = self.home.glob("runs/*/predictions.csv")
        return path.read_bytes()

    def blobs(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.connection_string, self.container)

    def read(self, name: str) -> bytes:
        with self.blobs() as container:
            return container.download_blob(name).readall()

    def write(self, name: str, content: bytes) -> None:
        """Write a blob as somebody would who knows nothing of leases; a dead writer's is ended."""
        with self.blobs() as container:
            if not container.exists():
                container.create_container()
            blob = container.get_blob_client(name)
            if blob.exists() and blob.get_blob_properties().lease.state == "leased":
                BlobLeaseClient(blob).break_lease(lease_break_period=0)
            blob.upload_blob(content, overwrite=True)

    def remove(self, name: str) -> None:
        with self.blobs() as container:
            container.delete_blob(name)

    def json(self, name: str) -> dict[str, Any]:
        with self.blobs() as container:
            return json.loads(container.download_blob(name).readall())

    def names(self, prefix: str) -> list[str]:
        with self.blobs() as container:
            return [blob.name for blob in container.list_blobs(name_starts_with=prefix)]

    def shards(self) -> list[dict[str, Any]]:
        """The journal of each shard."""
        return [self.json(name) for name in self.names("runs/") if "/shards/" in name]

    def attempts(self) -> list[dict[str, Any]]:
        return [attempt for shard in self.shards() for attempt in shard["attempts"]]

    def finish(self, *, at_most: int) -> list[str]:
        """Run again and again until it is published; the errors of the runs before, which outages ended."""
        errors = []
        while self.run() != 0:
            errors.append(self.result(self.pid)["error"])
            assert len(errors) <= at_most, self.result(self.pid)
        return errors

    def status(self, job_id: str) -> JobStatus | None:
        with BesClient(self.endpoint) as client:
            try:
                return client.status(job_id).status
            except NotFound:
                return None

    def wait_for(self, step: str) -> None:
        """Until the run has taken a step."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (self.home / "trace").exists() or step not in self.trace:
            assert time.monotonic() < end, f"{step!r} was not met: {self.trace}"
            time.sleep(0.02)

    def require_whole(self, undisturbed: bytes, *, n_generations: int = 1) -> None:
        """What must be true at the end, whatever happened on the way."""
        assert self.predictions == undisturbed
        (run_name,) = [name for name in self.names("runs/") if name.endswith("/run.json")]
        run = self.json(run_name)
        assert (run["state"], run["generation"]) == ("published", n_generations)
        versions = [name for name in self.names("published/") if name.endswith("manifest.json")]
        assert len(versions) == n_generations
        latest = self.json("published/reviews/latest.json")
        assert (len(latest["history"]), latest["current"]["folder"]) == (n_generations - 1, run["published"])
        manifest = self.json(f"{run['published']}/manifest.json")
        self._require_one_counted_job_a_shard(manifest, n_generations)
        with self.blobs() as container:
            assert container.download_blob(f"{run['published']}/predictions.csv").readall() == undisturbed
        self.require_no_live_job()

    def _require_one_counted_job_a_shard(self, manifest: dict[str, Any], n_generations: int) -> None:
        shards = self.shards()
        assert len(shards) == len(manifest["jobs"]) == N_SHARDS
        for shard, entry in zip(shards, manifest["jobs"], strict=True):
            counted = [
                attempt
                for attempt in shard["attempts"]
                if attempt["state"] == "verified" and attempt["generation"] == n_generations
            ]
            assert [attempt["job_id"] for attempt in counted] == [entry["job_id"]]
            assert counted[0]["output_blob"] == entry["output_blob"]
            outputs = [attempt["output_blob"] for attempt in shard["attempts"]]
            assert len(set(outputs)) == len(outputs)

    def require_no_live_job(self) -> None:
        """None runs or waits in the queue; one that was never started scores nothing."""
        known = {attempt["job_id"] for attempt in self.attempts()}
        assert self.job_ids
        for job_id in self.job_ids:
            status = self.status(job_id)
            if job_id in known:
                assert status is None or status.has_ended, f"job {job_id} is {status}"
            else:
                assert status is JobStatus.NOT_STARTED, f"orphan {job_id} is {status}"


@pytest.fixture(scope="session")
def driver(repository: Path) -> Iterator[Driver]:
    running = Driver(repository)
    yield running
    running.close()


@pytest.fixture
def new_work(driver: Driver, azurite: Any, endpoint: EndpointSettings, tmp_path: Path) -> Callable[[int], Work]:
    def make(number: int) -> Work:
        return Work(
            driver=driver,
            endpoint=endpoint,
            connection_string=azurite.connection_string,
            home=tmp_path / f"work-{number}",
        )

    return make


@pytest.fixture
def work(new_work: Callable[[int], Work]) -> Work:
    return new_work(0)


@pytest.fixture
def proxy(endpoint: EndpointSettings, work: Work) -> Iterator[FaultProxy]:
    """Stands between the work and the gateway. Whatever is armed must be met."""
    with FaultProxy(endpoint.url or "") as running:
        work.endpoint = endpoint.model_copy(update={"url": running.url})
        yield running
    assert running.armed == [], "faults that were not met"


@pytest.fixture(scope="session")
def undisturbed(
    driver: Driver, azurite: Any, endpoint: EndpointSettings, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """The predictions of the same rows when nothing goes wrong."""
    work = Work(
        driver=driver,
        endpoint=endpoint,
        connection_string=azurite.connection_string,
        home=tmp_path_factory.mktemp("undisturbed") / "work",
    )
    work.must_run()
    assert [row[0] for row in csv.reader(work.predictions.decode().splitlines())] == [
        "review_id",
        *[row[0] for row in ROWS[:-REFUSED]],
    ]
    work.require_whole(work.predictions)
    return work.predictions

"""The same loops in real time: jobs that the web service holds for a given time, polled through its gateway."""

import json
import os
import random
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.polling_loops import LOOPS, Loop, Polled, WatchedJob
from benchmarks.surroundings import Bench, running_bench
from bes.blobs import BlobStore
from bes.client import BesClient
from bes.pacing import moment_of, run_seconds
from bes.protocol import JobRequest
from bes.settings import StorageSettings

_INPUT = b"review\nThis is a good day\n"


class RealTime:
    """Of this machine."""

    def clock(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def day_time(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class _Service:
    """Jobs of one row.

    Args:
        bench: A stack whose web service allows faults.
        store: Of its storage.
        client: Of its web service.
    """

    def __init__(self, bench: Bench, store: BlobStore, client: BesClient) -> None:
        self._faults = f"{bench.web_service_url}/faults"
        self._store = store
        self._client = client
        self._n_jobs = 0

    def poll(self, loop: Loop, held_seconds: float, expected: float) -> tuple[Polled, float]:
        """One job that is held for so long; what polling it came to, and how long it ran."""
        job_id = self._submit(held_seconds)
        job = WatchedJob(RealTime(), partial(self._client.status, job_id))
        self._client.start(job_id)
        loop(RealTime(), job, expected, random.Random(7))  # noqa: S311
        end, ran = (moment_of(job.final.end_time), run_seconds(job.final)) if job.final else (None, None)
        if end is None or ran is None:
            raise RuntimeError(f"Job {job_id} tells no times: {job.final}")
        return Polled(n_calls=job.n_calls, delay_seconds=(job.noticed_at - end).total_seconds()), ran

    def _submit(self, held_seconds: float) -> str:
        fault = json.dumps({"kind": "hang", "seconds": held_seconds}).encode()
        request = urllib.request.Request(self._faults, fault, {"Content-Type": "application/json"})  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 (of this machine)
        self._n_jobs += 1
        source = self._store.upload(lambda: [_INPUT], f"polling/{self._n_jobs}/row.csv").name
        return self._client.submit(
            JobRequest(
                inputs={"input1": self._store.input_reference(source, lifetime=timedelta(hours=1))},
                outputs={
                    "output1": self._store.output_reference(
                        f"polling/{self._n_jobs}/output.csv", lifetime=timedelta(hours=1)
                    )
                },
                global_parameters={},
            )
        )


def poll_live(home: Path, lengths_seconds: Sequence[float]) -> dict[float, dict[str, Polled]]:
    """Poll one job of each length with each loop, one after the other. A first job of each tells the pace."""
    os.environ["BATCH_SCORING_SERVICE_FAULTS"] = "true"
    with running_bench(home, with_prefect=False) as bench:
        settings = StorageSettings.model_validate(
            {"connection_string": bench.connection_string, "container": bench.make_container("polling")}
        )
        with BlobStore(settings) as store, BesClient(bench.endpoint) as client:
            service = _Service(bench, store, client)
            return {seconds: _all_loops(service, seconds) for seconds in lengths_seconds}


def _all_loops(service: _Service, seconds: float) -> dict[str, Polled]:
    polled, ran = {}, seconds
    for name, loop in LOOPS.items():
        polled[name], ran = service.poll(loop, seconds, expected=ran)
    return polled

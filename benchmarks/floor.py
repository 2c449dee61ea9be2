"""The floor of a run: its inputs sent, scored and fetched, each alone, and nothing else.

    python -m benchmarks.floor MANIFEST

The inputs are those of the run that the manifest tells of. They are uploaded one after the other by the storage SDK
with its own settings; their jobs are started together, as no pipeline can have them scored sooner, and their time is
the service's own, from the first start to the last end; the outputs are downloaded one after the other. The keys come
in the same environment variables as those of a run.
"""

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.pacing import moment_of
from bes.protocol import JobRequest, JobState, JobStatus
from bes.settings import EndpointSettings, StorageSettings

_POLL_SECONDS = 0.1
"""The time of polling is not counted; more calls would take the service's time."""


def measure(manifest: Path, folder: Path) -> dict[str, float]:
    """Seconds of upload, service and download."""
    told = json.loads(manifest.read_text())
    jobs = told["jobs"]
    settings = StorageSettings()
    with BlobServiceClient.from_connection_string(settings.require().get_secret_value()) as service:
        container = service.get_container_client(settings.container)
        sources = [folder / f"{told['run_key']}-{place}.csv" for place in range(len(jobs))]
        for job, source in zip(jobs, sources, strict=True):
            with source.open("wb") as file:
                container.download_blob(job["input_blob"]).readinto(file)
        began = time.monotonic()
        for source in sources:
            with source.open("rb") as file:
                container.upload_blob(f"floor/input/{source.name}", file, overwrite=True)
        upload = time.monotonic() - began
        scored = _score([source.name for source in sources], settings)
        began = time.monotonic()
        for source in sources:
            with source.open("wb") as file:
                container.download_blob(f"floor/output/{source.name}").readinto(file)
        return {"upload": upload, "service": scored, "download": time.monotonic() - began}


def _score(names: list[str], settings: StorageSettings) -> float:
    with BlobStore(settings) as store, BesClient(EndpointSettings()) as client:
        job_ids = [client.submit(_request(store, name)) for name in names]
        for job_id in job_ids:
            client.start(job_id)
        states = [_ended(client, job_id) for job_id in job_ids]
    begins, ends = ([moment_of(getattr(state, name)) for state in states] for name in ("start_time", "end_time"))
    return (max(end for end in ends if end) - min(begin for begin in begins if begin)).total_seconds()


def _request(store: BlobStore, name: str) -> JobRequest:
    lifetime = timedelta(hours=1)
    return JobRequest(
        inputs={"input1": store.input_reference(f"floor/input/{name}", lifetime=lifetime)},
        outputs={"output1": store.output_reference(f"floor/output/{name}", lifetime=lifetime)},
        global_parameters={},
    )


def _ended(client: BesClient, job_id: str) -> JobState:
    while not (state := client.status(job_id)).status.has_ended:
        time.sleep(_POLL_SECONDS)
    if state.status is not JobStatus.FINISHED:
        raise RuntimeError(f"Job {job_id} ended {state.status}: {state.details}")
    return state


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), Path(folder))))


if __name__ == "__main__":
    main()

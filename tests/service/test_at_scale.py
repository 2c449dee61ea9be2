"""The service under load: as many running jobs as one endpoint may have, and an input of a gigabyte."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from tests.service.held_storage import held_storage
from tests.service.running import Keys, running_service, wait_until
from tests.service.test_runner import ROW, allowed, children, job_of

N_RUNNING = 40
GIGABYTE = 1 << 30
LINE = b'"a review of some length, with words that come again and again, as reviews do: good, bad, long, short"\n'


@pytest.mark.slow
def test_a_service_killed_in_the_middle_of_40_running_jobs_loses_none(azurite: Any, tmp_path: Path) -> None:
    keys = Keys()
    with held_storage() as held:
        settings = {"allowed_storage_hosts": allowed(azurite, held), "worker_processes": N_RUNNING}
        with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
            jobs = [job_of(service, held, f"job{number}") for number in range(N_RUNNING)]
            wait_until(lambda: all(held.was_asked_for(f"job{number}.csv") for number in range(N_RUNNING)), 60)
            statuses = [service.status(job).json["StatusCode"] for job in jobs]
            service.process.kill()
            service.process.wait()
            container = service.container
        assert statuses == ["Running"] * N_RUNNING
        held.released.set()
        with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
            assert [service.ended(job, 60)["StatusCode"] for job in jobs] == ["Finished"] * N_RUNNING
            for number in range(N_RUNNING):
                output = service.blobs.get_blob_client(container, f"job{number}-out.csv")
                assert output.download_blob().readall().decode().splitlines()[1:] == [ROW]


def gigabyte() -> Iterator[bytes]:
    block = LINE * ((8 << 20) // len(LINE))
    yield b"Col2\n"
    for _ in range(GIGABYTE // len(block) + 1):
        yield block


def resident_bytes(pid: int) -> int:
    """Of a process and all below it; what processes share is counted once (PSS)."""
    total = 0
    for each in [pid, *children(pid)]:
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_job_of_a_gigabyte_leaves_the_service_below_700_mb_in_all_its_processes(azurite: Any, tmp_path: Path) -> None:
    with running_service(tmp_path, azurite.connection_string, keys=Keys()) as service:
        with BlobServiceClient.from_connection_string(azurite.connection_string, max_block_size=8 << 20) as storage:
            blob = storage.get_blob_client(service.container, "gigabyte.csv")
            blob.upload_blob(gigabyte(), overwrite=True, validate_content="md5")
            n_bytes = blob.get_blob_properties().size
        assert n_bytes >= GIGABYTE
        peak = 0
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.2):
                peak = max(peak, resident_bytes(service.process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            order = {"Input": service.reference("gigabyte.csv"), "Output": service.reference("gigabyte-out.csv")}
            state = service.ended(service.run(order), 600)
        finally:
            ended.set()
            watcher.join()
        assert state["StatusCode"] == "Finished", state["Details"]
        n_rows = sum(
            chunk.count(b"\n")
            for chunk in service.blobs.get_blob_client(service.container, "gigabyte-out.csv").download_blob().chunks()
        )
    assert n_rows == (n_bytes - len(b"Col2\n")) // len(LINE) + 1
    assert peak > 100e6, "nothing was measured"
    assert peak < 700e6

"""What becomes of jobs when they wait, are cancelled, or when something dies under them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.held_storage import HeldStorage, held_storage
from tests.service.running import Keys, RunningService, running_service, wait_until

ROW = "1,1,2,2,0,2,0,1"


def allowed(azurite: Any, held: HeldStorage) -> str:
    return f"{azurite.url.split('/')[2]},{held.host}"


def phases(service: RunningService, jobs: list[str]) -> list[str]:
    return [service.status(job).json["StatusCode"] for job in jobs]


def children(process_id: int) -> list[int]:
    """Processes that descend from a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    direct = [child for child, parent in parents.items() if parent == process_id]
    return direct + [grandchild for child in direct for grandchild in children(child)]


def is_alive(process_id: int) -> bool:
    try:
        return (Path("/proc") / str(process_id) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def shared_storage() -> Iterator[HeldStorage]:
    with held_storage() as storage:
        yield storage


@pytest.fixture
def held(shared_storage: HeldStorage) -> HeldStorage:
    """A storage host that holds all its callers until the test lets them go."""
    shared_storage.hold()
    return shared_storage


@pytest.fixture(scope="module")
def one_worker(
    azurite: Any, shared_storage: HeldStorage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """A service whose jobs all go through a single process."""
    settings = {"allowed_storage_hosts": allowed(azurite, shared_storage), "worker_processes": 1}
    home = tmp_path_factory.mktemp("one-worker")
    with running_service(home, azurite.connection_string, keys=Keys(), **settings) as service:
        yield service


def job_of(service: RunningService, held: HeldStorage, name: str) -> str:
    return service.run({"Input": held.reference(f"{name}.csv"), "Output": service.reference(f"{name}-out.csv")})


@pytest.mark.slow
def test_no_more_jobs_run_than_allowed_and_the_rest_follow_in_order(
    azurite: Any, held: HeldStorage, tmp_path: Path
) -> None:
    with running_service(
        tmp_path,
        azurite.connection_string,
        keys=Keys(),
        allowed_storage_hosts=allowed(azurite, held),
        worker_processes=3,
        max_running_jobs=2,
    ) as service:
        jobs = [job_of(service, held, f"job{index}") for index in range(4)]
        wait_until(lambda: held.was_asked_for("job0.csv") and held.was_asked_for("job1.csv"))
        assert phases(service, jobs) == ["Running", "Running", "NotStarted", "NotStarted"]
        assert service.start(jobs[3]).codes == (400, "InvalidOperation", "CannotStartJob")
        held.released.set()
        ended = [service.ended(job) for job in jobs]
        assert {status["StatusCode"] for status in ended} == {"Finished"}
        begun = [status["StartTime"] for status in ended]
        assert begun == sorted(begun)


def test_running_job_is_cancelled_at_once_and_gives_its_worker_back(
    one_worker: RunningService, held: HeldStorage
) -> None:
    job = job_of(one_worker, held, "cancelled")
    wait_until(lambda: held.was_asked_for("cancelled.csv"))
    assert one_worker.delete(job).status == 200
    assert phases(one_worker, [job]) == ["Cancelled"]
    # The only worker is free although the storage still does not answer.
    good = one_worker.upload("good.csv", "Col2\nThis is a good day\n")
    assert one_worker.ended(one_worker.run({"Input": good}))["StatusCode"] == "Finished"
    held.released.set()
    assert one_worker.delete(job).status == 200
    assert phases(one_worker, [job]) == ["Cancelled"]
    assert not one_worker.exists("cancelled-out.csv")


@pytest.mark.slow
def test_queued_job_is_cancelled_and_never_runs(one_worker: RunningService, held: HeldStorage) -> None:
    first, second = job_of(one_worker, held, "first"), job_of(one_worker, held, "second")
    wait_until(lambda: held.was_asked_for("first.csv"))
    one_worker.delete(second)
    held.released.set()
    assert one_worker.ended(first)["StatusCode"] == "Finished"
    assert phases(one_worker, [second]) == ["Cancelled"]
    assert not held.was_asked_for("second.csv")


def test_killed_service_loses_no_job_and_leaves_no_worker_behind(
    azurite: Any, held: HeldStorage, tmp_path: Path
) -> None:
    keys = Keys()
    settings = {"allowed_storage_hosts": allowed(azurite, held), "worker_processes": 1}
    with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
        submitted = service.submit({"Input": held.reference("submitted.csv")}).json
        running = job_of(service, held, "running")
        queued = job_of(service, held, "queued")
        wait_until(lambda: held.was_asked_for("running.csv"))
        workers = children(service.process.pid)
        assert workers
        service.process.kill()
        service.process.wait()
        wait_until(lambda: not any(is_alive(worker) for worker in workers))
        outputs = [("running-out.csv", service.container), ("queued-out.csv", service.container)]
    held.released.set()
    with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
        assert [service.ended(job)["StatusCode"] for job in (running, queued)] == ["Finished", "Finished"]
        for name, container in outputs:
            content = service.blobs.get_blob_client(container, name).download_blob().readall().decode()
            assert content.splitlines()[1:] == [ROW]
        assert phases(service, [submitted]) == ["NotStarted"]
        assert service.start(submitted).status == 200
        assert service.ended(submitted)["StatusCode"] == "Finished"


def test_stopped_service_runs_its_jobs_again_when_it_is_back(azurite: Any, held: HeldStorage, tmp_path: Path) -> None:
    keys = Keys()
    settings = {"allowed_storage_hosts": allowed(azurite, held)}
    with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
        job = job_of(service, held, "job")
        wait_until(lambda: held.was_asked_for("job.csv"))
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 5
        assert "Traceback" not in service.log.read_text()
    held.released.set()
    with running_service(tmp_path, azurite.connection_string, keys=keys, **settings) as service:
        assert service.ended(job)["StatusCode"] == "Finished"


def worker_of(service: RunningService, before: set[int]) -> int:
    """The worker process that came into being after `before`."""
    return max(wait_until(lambda: set(children(service.process.pid)) - before))


def test_job_whose_worker_dies_runs_again_until_its_attempts_are_used_up(
    azurite: Any, held: HeldStorage, tmp_path: Path
) -> None:
    with running_service(
        tmp_path,
        azurite.connection_string,
        keys=Keys(),
        allowed_storage_hosts=allowed(azurite, held),
        worker_processes=2,
        max_job_attempts=2,
    ) as service:
        good = service.upload("good.csv", "Col2\nThis is a good day\n")
        # Both workers are there, so that those which come later are known.
        wait_until(lambda: "execute" and service.execute({"Inputs": {"input1": {"Values": [["a"]]}}}).status == 200)
        service.ended(service.run({"Input": good}))
        bystander = job_of(service, held, "bystander")
        wait_until(lambda: held.was_asked_for("bystander.csv"))
        before = set(children(service.process.pid))
        job = job_of(service, held, "unlucky")
        for attempt in (1, 2):
            wait_until(lambda attempt=attempt: held.called.count("/account/container/unlucky.csv") == attempt)
            os.kill(worker_of(service, before), signal.SIGKILL)
        status = service.ended(job)
        assert status["StatusCode"] == "Failed"
        assert "The process that ran the job ended, 2 times; the job is not tried again" in status["Details"]
        held.released.set()
        assert service.ended(bystander)["StatusCode"] == "Finished"


def test_job_that_runs_too_long_fails_and_gives_its_worker_back(
    azurite: Any, held: HeldStorage, tmp_path: Path
) -> None:
    with running_service(
        tmp_path,
        azurite.connection_string,
        keys=Keys(),
        allowed_storage_hosts=allowed(azurite, held),
        worker_processes=1,
        max_job_seconds=1,
    ) as service:
        status = service.ended(job_of(service, held, "endless"))
        assert status["StatusCode"] == "Failed"
        assert "ran longer than 1 seconds" in status["Details"]
        good = service.upload("good.csv", "Col2\nThis is a good day\n")
        assert service.ended(service.run({"Input": good}))["StatusCode"] == "Finished"


def test_storage_that_redirects_is_not_followed(one_worker: RunningService, held: HeldStorage) -> None:
    with held_storage() as elsewhere:
        held.redirects_to = f"http://{elsewhere.host}/account/container/stolen.csv"
        elsewhere.released.set()
        assert one_worker.ended(job_of(one_worker, held, "redirected"))["StatusCode"] == "Failed"
        assert held.was_asked_for("redirected.csv")
        assert elsewhere.called == []

"""The web service or the storage goes away in the middle of a run and comes back: the run is finished all the same."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bes.protocol import JobStatus
from deployments.stack import LocalStack
from tests.campaigns import sampled
from tests.faults.restartable import Service, Storage
from tests.faults.storage_proxy import StorageProxy

STORAGE_LEAVES_AT = [
    "journal submitted after",
    "run open after",
    "upload input after",
    "journal finished after",
    "manifest after",
]


@pytest.fixture
def service(local_stack: LocalStack, azurite: Any, tmp_path: Path) -> Iterator[Service]:
    with Service(local_stack, azurite.connection_string, tmp_path / "service") as running:
        yield running


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("step", sampled(["status after", "journal started after"], 1))
def test_a_service_that_is_killed_and_comes_back_finishes_the_jobs_it_knew(
    work: Any, undisturbed: bytes, service: Service, step: str
):
    work.endpoint = service.endpoint
    service.arm(kind="queue", seconds=2, times=3)
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
    work: Any, undisturbed: bytes, service: Service, tmp_path: Path
):
    work.endpoint = service.endpoint
    service.arm(kind="queue", seconds=600, times=3)
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


@pytest.mark.usefixtures("endpoint")
def test_jobs_that_ended_before_their_storage_had_another_address_are_not_scored_again(
    work: Any, undisturbed: bytes, azurite: Any, service: Service
):
    work.endpoint = service.endpoint
    with StorageProxy(azurite.connection_string) as before, StorageProxy(azurite.connection_string) as now:
        service.move_to(before.connection_string)
        work.connection_string = before.connection_string
        assert work.run(kill_at="journal finished before") == -9
        ended = [job_id for job_id in work.job_ids if work.status(job_id) is JobStatus.FINISHED]
        assert ended

        service.move_to(now.connection_string)
        work.connection_string = now.connection_string
        work.must_run()

        work.require_whole(undisturbed)
        states = {attempt["job_id"]: attempt["state"] for attempt in work.attempts()}
        assert {states[job_id] for job_id in ended} == {"verified"}


@pytest.fixture
def storage(local_stack: LocalStack, tmp_path: Path) -> Iterator[Storage]:
    with Storage(local_stack, tmp_path) as running:
        yield running


@pytest.fixture
def work_there(work: Any, local_stack: LocalStack, storage: Storage, tmp_path: Path) -> Iterator[Any]:
    """Work on a storage of its own, which the web service uses as well."""
    work.connection_string = storage.connection_string
    with Service(local_stack, storage.connection_string, tmp_path / "service") as service:
        work.endpoint = service.endpoint
        yield work


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    "step",
    sampled(
        ["journal submitted after", "run open after", "upload input after", "journal finished after", "manifest after"],
        1,
    ),
)
def test_a_storage_that_leaves_and_comes_back_is_waited_for(
    work_there: Any, undisturbed: bytes, storage: Storage, step: str
):
    run = work_there.start()
    work_there.wait_for(step)

    storage.stop()
    n_done = n_storage_steps(work_there)
    time.sleep(2)
    # It was met: all that follows these steps needs the storage, and nothing was done without it.
    assert n_storage_steps(work_there) == n_done
    storage.start()

    assert work_there.driver.wait(run) == 0, work_there.result(run)
    assert n_storage_steps(work_there) > n_done
    work_there.require_whole(undisturbed)


def n_storage_steps(work: Any) -> int:
    """How many steps at the storage were taken."""
    calls = ("submit after", "start after", "status after", "delete after")
    return sum(step.endswith(" after") and step not in calls for step in work.trace)

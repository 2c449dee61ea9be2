"""The sweep: live jobs of abandoned runs end, runs that somebody is at are left alone, and old data goes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.protocol import JobStatus
from bes.settings import StorageSettings
from scoring.sweeping import SweepRules, Swept, sweep
from scoring.writer import Writer

KILLED = -9


@pytest.fixture
def abandoned(work: Any, faults: Any) -> Iterator[Any]:
    """Work whose process was killed while its jobs waited in the queue."""
    faults.arm(kind="queue", seconds=600, times=3)
    assert work.run(kill_at="status after") == KILLED
    break_lease(work)
    yield work
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"] * 3


def break_lease(work: Any) -> None:
    """What time does."""
    with BlobStore(storage_of(work)) as store:
        (name,) = [name for name in work.names("runs/") if name.endswith("run.json")]
        assert store.documents().break_lease(name, store.documents().read(name).etag)


def storage_of(work: Any) -> StorageSettings:
    return StorageSettings(connection_string=work.connection_string, container=work.container)


def swept(work: Any, **rules: Any) -> Swept:
    """What the sweep says about the only run of the container."""
    chosen = {"live_jobs": "delete", "idle": timedelta(0), "keep": None, "endpoint": ("w", "s"), **rules}
    with BlobStore(storage_of(work)) as store, BesClient(work.endpoint) as client:
        (only,) = sweep(store.documents(), client, rules=SweepRules(**chosen), writer=Writer.here(session="sweep"))
    return only


def test_live_jobs_of_an_abandoned_run_are_deleted_and_its_work_can_be_done_again(abandoned: Any, undisturbed: bytes):
    told = swept(abandoned)
    assert (told.jobs_deleted, told.jobs_left, told.dataset) == (3, 0, "reviews")
    assert told.found.startswith(f"abandoned by process {abandoned.pid} on ")
    assert told.is_worth_telling
    assert [abandoned.status(job_id) for job_id in abandoned.job_ids] == [JobStatus.CANCELLED] * 3
    assert [attempt["cause"] for attempt in abandoned.attempts()] == ["the run was abandoned"] * 3
    assert swept(abandoned).found == "stopped"

    abandoned.must_run()

    abandoned.require_whole(undisturbed)


def test_live_jobs_may_be_left_for_adoption(abandoned: Any):
    told = swept(abandoned, live_jobs="leave")
    assert (told.jobs_deleted, told.jobs_left) == (0, 3)
    assert [abandoned.status(job_id) for job_id in abandoned.job_ids] == [JobStatus.NOT_STARTED] * 3
    assert swept(abandoned).jobs_deleted == 3


def test_jobs_of_another_web_service_are_left(abandoned: Any):
    told = swept(abandoned, endpoint=("w", "another"))
    assert (told.jobs_deleted, told.jobs_left) == (0, 3)
    assert swept(abandoned).jobs_deleted == 3


def test_a_run_that_was_written_a_moment_ago_is_left_alone(abandoned: Any):
    assert swept(abandoned, idle=timedelta(minutes=15)).found == "open"
    assert swept(abandoned).jobs_deleted == 3


def test_a_run_that_somebody_is_at_is_left_alone(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=2)
    pid = work.start()
    work.wait_for("status after")
    told = swept(work, keep=timedelta(0))
    assert (told.found, told.is_worth_telling) == ("in progress", False)
    assert work.driver.wait(pid) == 0
    work.require_whole(undisturbed)


def test_old_inputs_and_outputs_go_and_the_journal_and_what_is_published_stay(work: Any, undisturbed: bytes):
    work.must_run()
    assert swept(work, keep=timedelta(days=1)).blobs_removed == 0
    told = swept(work, keep=timedelta(0))
    assert (told.found, told.blobs_removed) == ("published", 6)
    assert told.bytes_removed > 6
    assert [name for name in work.names("runs/") if "/input/" in name or "/output/" in name] == []
    work.must_run()
    work.require_whole(undisturbed)
    assert len(work.job_ids) == 3

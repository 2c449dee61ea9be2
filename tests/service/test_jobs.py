from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bes.protocol import BlobReference, JobStatus
from service.errors import ServiceError
from service.jobs import TRANSITIONS, JobOrder, JobPhase, JobStore

SERVICE = "1" * 32
OTHER = "2" * 32
ORDER = JobOrder(
    inputs={"input1": BlobReference(connection_string="AccountKey=input-secret", relative_location="c/in.csv")},
    outputs={"output1": BlobReference(connection_string="AccountKey=output-secret", relative_location="c/out.csv")},
    parameters={"Hashing bitsize": 3},
)


ENDED = [phase for phase, following in TRANSITIONS.items() if not following]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "jobs.sqlite3")
    yield store
    store.close()


def queued(store: JobStore, service: str = SERVICE, **options: float) -> str:
    job_id = store.submit(service, ORDER)
    store.start(service, job_id, **options)
    return job_id


def claimed(store: JobStore, limit: int = 40) -> str | None:
    job = store.claim([SERVICE, OTHER], max_running_jobs=limit)
    return job.job_id if job else None


def phase(store: JobStore, job_id: str) -> JobPhase:
    return store.get(SERVICE, job_id).phase


def test_submitted_job_does_nothing_until_it_is_started(store: JobStore) -> None:
    job_id = store.submit(SERVICE, ORDER)
    assert claimed(store) is None
    job = store.get(SERVICE, job_id)
    assert job.phase is JobPhase.NOT_STARTED
    assert job.order == ORDER
    store.start(SERVICE, job_id)
    assert claimed(store) == job_id


def test_job_id_is_32_hexadecimal_digits(store: JobStore) -> None:
    job_id = store.submit(SERVICE, ORDER)
    assert len(job_id) == 32
    assert int(job_id, 16) >= 0


def test_queue_gives_jobs_in_the_order_in_which_they_were_started(store: JobStore) -> None:
    submitted = [store.submit(SERVICE, ORDER) for _ in range(5)]
    for job_id in reversed(submitted):
        store.start(SERVICE, job_id)
    assert [claimed(store) for _ in submitted] == list(reversed(submitted))


def test_no_more_jobs_of_one_service_run_than_the_limit(store: JobStore) -> None:
    mine = [queued(store) for _ in range(3)]
    other = queued(store, OTHER)
    assert [claimed(store, 2) for _ in range(4)] == [mine[0], mine[1], other, None]
    store.fail(mine[0], "reason")
    assert claimed(store, 2) == mine[2]


def test_job_of_a_service_that_is_not_served_waits(store: JobStore) -> None:
    job_id = queued(store, OTHER)
    assert store.claim([SERVICE], max_running_jobs=40) is None
    assert store.claim([OTHER], max_running_jobs=40).job_id == job_id


def test_delayed_job_lets_others_pass(store: JobStore) -> None:
    queued(store, delay_seconds=60)
    second = queued(store)
    assert claimed(store) == second
    assert claimed(store) is None


def test_second_start_is_refused_with_the_state_of_the_job(store: JobStore) -> None:
    job_id = queued(store)
    claimed(store)
    with pytest.raises(ServiceError, match=r"CannotStartJob: .* because it is in Running state"):
        store.start(SERVICE, job_id)


@pytest.mark.parametrize("service", [SERVICE, OTHER])
def test_job_is_found_by_its_own_service_only(store: JobStore, service: str) -> None:
    job_id = store.submit(service, ORDER)
    stranger = OTHER if service == SERVICE else SERVICE
    with pytest.raises(ServiceError, match="JobNotFound"):
        store.get(stranger, job_id)
    with pytest.raises(ServiceError, match="JobNotFound"):
        store.start(stranger, job_id)


def test_every_phase_that_has_ended_stays_and_every_other_can_end() -> None:
    assert {phase.status for phase in ENDED} == {status for status in JobStatus if status.has_ended}
    for phase_, following in TRANSITIONS.items():
        assert phase_ in ENDED or following


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_job_that_has_ended_is_not_changed_by_anything(store: JobStore, end: str) -> None:
    job_id = queued(store)
    claimed(store)
    if end == "finish":
        store.begin_publishing(job_id)
    assert getattr(store, end)(*([job_id, "why"] if end == "fail" else [job_id]))
    ended = store.get(SERVICE, job_id)
    assert ended.phase in ENDED
    assert ended.ended_at is not None
    assert not store.cancel(job_id)
    assert not store.fail(job_id, "again")
    assert not store.finish(job_id)
    assert not store.requeue(job_id)
    assert not store.begin_publishing(job_id)
    assert store.recover(counts_as_attempt=True) == 0
    assert store.get(SERVICE, job_id) == ended


def test_cancellation_comes_too_late_once_outputs_become_visible(store: JobStore) -> None:
    job_id = queued(store)
    claimed(store)
    assert store.begin_publishing(job_id)
    assert not store.cancel(job_id)
    assert store.finish(job_id)
    assert phase(store, job_id) is JobPhase.FINISHED


def test_cancelled_job_is_not_published(store: JobStore) -> None:
    job_id = queued(store)
    claimed(store)
    assert store.cancel(job_id)
    assert not store.begin_publishing(job_id)
    assert phase(store, job_id) is JobPhase.CANCELLED


def test_jobs_survive_the_process_and_those_that_ran_are_queued_again_in_their_old_order(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite3"
    first = JobStore(file)
    running, publishing, waiting = (queued(first) for _ in range(3))
    claimed(first)
    claimed(first)
    first.begin_publishing(publishing)
    first.close()
    second = JobStore(file)
    assert second.recover(counts_as_attempt=True) == 2
    assert [claimed(second) for _ in range(3)] == [running, publishing, waiting]
    assert [second.get(SERVICE, job_id).attempts for job_id in (running, publishing, waiting)] == [2, 2, 1]
    second.close()


def test_orderly_stop_does_not_count_as_an_attempt(store: JobStore) -> None:
    job_id = queued(store)
    claimed(store)
    store.recover(counts_as_attempt=False)
    claimed(store)
    assert store.get(SERVICE, job_id).attempts == 1


def test_second_service_on_the_same_file_is_refused(store: JobStore, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Is another service running on it"):
        JobStore(tmp_path / "jobs.sqlite3")


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite3"
    store = JobStore(file)
    store._connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(RuntimeError, match="schema version 99"):
        JobStore(file)


def test_credentials_of_inputs_are_erased_when_a_job_ends(store: JobStore, tmp_path: Path) -> None:
    job_id = queued(store)
    claimed(store)
    store.fail(job_id, "why")
    assert store.get(SERVICE, job_id).order.inputs == {}
    store.close()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"output-secret" in content
    assert b"input-secret" not in content


def test_jobs_that_ended_long_ago_are_forgotten(store: JobStore) -> None:
    old, young = queued(store), queued(store)
    store.cancel(old)
    assert store.forget_ended_before(timedelta(seconds=3600)) == 0
    assert store.forget_ended_before(timedelta(0)) == 1
    with pytest.raises(ServiceError, match="JobNotFound"):
        store.get(SERVICE, old)
    assert phase(store, young) is JobPhase.QUEUED


def test_newest_jobs_of_all_services_come_first(store: JobStore) -> None:
    jobs = [store.submit(service, ORDER) for service in (SERVICE, OTHER, SERVICE)]
    assert [job.job_id for job in store.newest(2)] == [jobs[2], jobs[1]]
    assert len(store.newest(50)) == 3

"""Connections that break, jobs that hang or fail, outputs that are not whole: the run is finished all the same."""

from typing import Any

import pytest

from bes.client import BesClient


def met(faults: Any) -> list[str]:
    return [entry["fault"]["kind"] for entry in faults.served()]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["submit", "status"])
def test_a_connection_that_breaks_is_borne(work: Any, undisturbed: bytes, faults: Any, operation: str, when: str):
    faults.arm(kind="drop", operation=operation, when=when)
    work.must_run()
    assert [entry["hit"] for entry in faults.served()] == [operation]
    work.require_whole(undisturbed)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_start_whose_connection_breaks_leaves_the_jobs_for_the_next_run(
    work: Any, undisturbed: bytes, faults: Any, when: str
):
    faults.arm(kind="drop", operation="start", when=when)
    assert work.run() == 1
    assert work.result(work.pid)["error"] == "Unavailable"
    assert [entry["hit"] for entry in faults.served()] == ["start"]
    jobs = work.job_ids

    work.must_run()

    assert work.job_ids == jobs
    work.require_whole(undisturbed)


@pytest.mark.parametrize(
    ("deadline", "words"),
    [("queued_timeout_seconds", "in the queue"), ("job_timeout_seconds", "had not ended")],
)
def test_a_job_that_hangs_in_the_queue_is_cancelled_and_tried_again(
    work: Any, undisturbed: bytes, faults: Any, deadline: str, words: str
):
    faults.arm(kind="queue", seconds=600)
    work.settings = {deadline: 2}
    work.must_run()
    assert met(faults) == ["queue"]
    (hung,) = [attempt for attempt in work.attempts() if attempt["state"] == "cancelled"]
    assert words in hung["cause"]
    assert sorted(attempt["number"] for attempt in work.attempts()) == [1, 1, 1, 2]
    work.require_whole(undisturbed)


def test_the_deadline_of_the_run_cancels_its_jobs(work: Any, faults: Any):
    faults.arm(kind="queue", seconds=600, times=3)
    work.settings = {"timeout_seconds": 2}
    assert work.run() == 1
    assert met(faults) == ["queue"] * 3
    failed = work.result(work.pid)
    assert failed["error"] == "JobTimedOut"
    assert "BATCH_SCORING_RUN_TIMEOUT_SECONDS" in failed["text"]
    work.require_no_live_job()
    assert work.names("published/") == []


def test_a_job_that_fails_once_for_the_services_own_reasons_is_tried_again(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted")
    work.must_run()
    assert met(faults) == ["fail"]
    (failed,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert "Memory has been exhausted" in failed["details"]
    work.require_whole(undisturbed)


def test_a_job_that_fails_always_ends_the_run_at_the_limit(work: Any, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted", times=100)
    work.settings = {"max_attempts": 2}
    assert work.run() == 1
    failed = work.result(work.pid)
    assert failed["error"] == "JobFailed"
    assert "Memory has been exhausted" in failed["text"]
    assert 4 <= len(met(faults)) <= 6
    assert max(attempt["number"] for attempt in work.attempts()) == 2
    work.require_no_live_job()
    assert work.names("published/") == []


def test_a_limit_that_was_reached_is_not_the_end_of_the_next_run(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="fail", details="Memory has been exhausted", times=3)
    work.settings = {"max_attempts": 1}
    assert work.run() == 1
    while work.run() != 0:
        assert len(met(faults)) <= 3
    assert met(faults) == ["fail"] * 3
    work.require_whole(undisturbed)


def test_a_job_that_somebody_cancels_is_tried_again(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=600)
    pid = work.start()
    work.wait_for("status after")
    (waiting,) = [attempt for attempt in work.attempts() if attempt["number"] == 1][:1]
    with BesClient(work.endpoint) as client:
        client.delete(waiting["job_id"])
    assert work.driver.wait(pid) == 0
    assert met(faults) == ["queue"]
    work.require_whole(undisturbed)


@pytest.mark.parametrize("fault", ["lose_output", "truncate_output", "duplicate_row"])
def test_an_output_that_is_not_whole_is_made_again(work: Any, undisturbed: bytes, faults: Any, fault: str):
    faults.arm(kind=fault)
    work.must_run()
    assert met(faults) == [fault]
    (spoilt,) = [attempt for attempt in work.attempts() if attempt["state"] == "failed"]
    assert spoilt["cause"]
    work.require_whole(undisturbed)

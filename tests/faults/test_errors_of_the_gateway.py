"""Error answers of the gateway and of what stands before it, on each operation: the run is finished all the same."""

import time
from itertools import pairwise
from typing import Any

import pytest

from bes.protocol import JobStatus
from tests.campaigns import sampled

OPERATIONS = ["submit", "start", "status", "delete"]
OUTAGES = [500, 502, 503, 504]


@pytest.fixture(params=OPERATIONS)
def operation(request: Any, work: Any, faults: Any) -> Any:
    """An operation that the work makes use of; a job is deleted when it has been in the queue for too long."""
    name = request.param
    if name == "delete":
        faults.arm(kind="queue", seconds=600)
        work.settings = {"queued_timeout_seconds": 1}
    yield name
    assert [entry["fault"]["kind"] for entry in faults.served()] == (["queue"] if name == "delete" else [])


@pytest.mark.parametrize("status", sampled(OUTAGES, 1))
def test_an_outage_before_and_after_the_effect_is_survived(
    work: Any, undisturbed: bytes, proxy: Any, operation: str, status: int
):
    proxy.arm(operation, status, when="before")
    proxy.arm(operation, status, when="after")
    errors = work.finish(at_most=2)
    # A start is repeated by Prefect, which is not here: the next run finds the job.
    assert set(errors) == ({"Unavailable"} if operation == "start" else set())
    assert [(fault.operation, fault.when) for fault in proxy.met] == [(operation, "before"), (operation, "after")]
    work.require_whole(undisturbed)


def test_a_storm_that_is_longer_than_any_run_bears_is_outlived(work: Any, undisturbed: bytes, proxy: Any):
    for operation in ("submit", "start"):
        for status in OUTAGES:
            proxy.arm(operation, status)
    errors = work.finish(at_most=8)
    assert len(errors) >= 2
    assert set(errors) == {"Unavailable"}
    assert len(proxy.met) == 8
    work.require_whole(undisturbed)


@pytest.mark.parametrize("status", sampled([429, 403], 1))
def test_a_throttled_call_is_made_again_when_the_gateway_says_and_costs_no_attempt(
    work: Any, undisturbed: bytes, proxy: Any, operation: str, status: int
):
    proxy.arm(operation, status, retry_after="1", times=2)
    work.must_run()
    calls = proxy.of(operation)
    for call, following in pairwise(calls):
        if call.fault is not None:
            assert following.at - call.at >= 1
            assert following.target == call.target
    assert [fault.status for fault in proxy.met] == [status] * 2
    assert not any(attempt["orphan_possible"] for attempt in work.attempts())
    assert len(work.job_ids) == (4 if operation == "delete" else 3)
    work.require_whole(undisturbed)


@pytest.mark.parametrize("operation", sampled(OPERATIONS, 2), indirect=True)
def test_a_throttled_call_without_a_time_is_made_again_after_a_while_and_costs_no_attempt(
    work: Any, undisturbed: bytes, proxy: Any, operation: str
):
    proxy.arm(operation, 429, times=2)
    work.must_run()
    assert [fault.status for fault in proxy.met] == [429] * 2
    assert not any(attempt["orphan_possible"] for attempt in work.attempts())
    assert len(work.job_ids) == (4 if operation == "delete" else 3)
    work.require_whole(undisturbed)


def test_an_outage_for_one_shard_loses_no_job_that_is_being_submitted_for_another(
    work: Any, undisturbed: bytes, proxy: Any, faults: Any
):
    # Kept back until the two others are on their way: after it, nobody calls.
    proxy.arm("submit", 403, retry_after="172800", seconds=1)
    faults.arm(kind="delay", operation="submit", seconds=3, times=2)
    assert work.run(threads=3) == 1
    assert work.result(work.pid)["error"] == "Throttled"
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["delay"] * 2
    assert len(work.job_ids) == 2

    work.must_run()

    assert len(work.job_ids) == 3
    assert not any(attempt["orphan_possible"] for attempt in work.attempts())
    work.require_whole(undisturbed)


@pytest.mark.parametrize("operation_in_need", ["submit", "start", "status"])
def test_a_quota_that_is_used_up_for_days_ends_the_run_at_once_and_leaves_its_jobs_for_the_next(
    work: Any, undisturbed: bytes, proxy: Any, operation_in_need: str
):
    work.settings = {"timeout_seconds": 600}
    proxy.arm(operation_in_need, 403, retry_after="172800")
    begun = time.monotonic()
    assert work.run() == 1
    assert time.monotonic() - begun < 30
    refused = work.result(work.pid)
    assert refused["error"] == "Throttled"
    assert "Out of call volume quota" in refused["text"]
    assert "Run again in 172800 s" in refused["text"]
    assert "delete" not in [call.operation for call in proxy.calls]
    jobs = work.job_ids

    work.must_run()

    assert work.job_ids[: len(jobs)] == jobs
    assert len(work.job_ids) == 3
    work.require_whole(undisturbed)


@pytest.mark.parametrize("status", sampled([*OUTAGES, 429], 1))
def test_a_job_that_cannot_be_cancelled_at_first_is_cancelled_all_the_same(
    work: Any, undisturbed: bytes, proxy: Any, faults: Any, status: int
):
    faults.arm(kind="queue", seconds=600, times=3)
    proxy.arm("delete", status, times=4)
    assert work.run(end_at="status after") == 1
    assert [fault.operation for fault in proxy.met] == ["delete"] * 4
    assert [work.status(job_id) for job_id in work.job_ids] == [JobStatus.CANCELLED] * 3
    assert [attempt["state"] for attempt in work.attempts()] == ["cancelled"] * 3
    assert len(faults.served()) >= 1

    work.must_run()

    work.require_whole(undisturbed)

"""Several processes at the same work: one of them writes, the others wait or leave."""

import os
import signal
import time
from typing import Any


def test_two_runs_of_the_same_work_at_once_score_it_once(work: Any, undisturbed: bytes):
    pids = [work.start(), work.start()]
    assert [work.driver.wait(pid) for pid in pids] == [0, 0]
    assert len(work.job_ids) == 3
    one, other = (work.result(pid)["manifest"] for pid in pids)
    assert one == other
    work.require_whole(undisturbed)


def test_a_second_run_that_shall_not_wait_says_who_holds_the_run(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=3)
    first = work.start()
    work.wait_for("journal started after")

    work.settings = {"when_held": "leave"}
    assert work.run() == 1

    refused = work.result(work.pid)
    assert refused["error"] == "RunHeld"
    for words in (
        f"process {first} on '{os.uname().nodename}'",
        "since ",
        "at most 60 s",
        "BATCH_SCORING_RUN_WHEN_HELD",
    ):
        assert words in refused["text"]
    assert work.driver.wait(first) == 0
    work.require_whole(undisturbed)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]


def test_a_process_that_was_frozen_and_replaced_stops_and_harms_nothing(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=2)
    first = work.start(settings={"lease_seconds": 15})
    work.wait_for("journal started after")
    os.kill(first, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        work.settings = {"lease_seconds": 15}
        work.must_run()
        assert time.monotonic() - begun < 40
    finally:
        os.kill(first, signal.SIGCONT)
    assert work.driver.wait(first) == 1
    assert work.result(first)["error"] == "Conflict"
    work.require_whole(undisturbed)


def test_a_run_that_is_interrupted_cancels_its_jobs_and_the_next_one_scores(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=600, times=3)
    first = work.start()
    work.wait_for("status after")
    os.kill(first, signal.SIGTERM)
    assert work.driver.wait(first) == 1
    work.require_no_live_job()
    assert [attempt["state"] for attempt in work.attempts()] == ["cancelled"] * 3
    assert all("interrupted" in attempt["cause"] for attempt in work.attempts())

    work.must_run()

    work.require_whole(undisturbed)
    assert [attempt["number"] for attempt in work.attempts()] == [1, 2] * 3

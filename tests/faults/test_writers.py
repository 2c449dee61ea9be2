"""Several processes at the same work: one of them writes, the others wait or leave."""

import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.campaigns import sampled


def test_two_runs_of_the_same_work_at_once_score_it_once(work: Any, undisturbed: bytes):
    pids = [work.start(), work.start()]
    assert [work.driver.wait(pid) for pid in pids] == [0, 0]
    assert len(work.job_ids) == 3
    one, other = (work.result(pid)["manifest"] for pid in pids)
    assert one == other
    work.require_whole(undisturbed)


def test_a_second_run_that_shall_not_wait_says_who_holds_the_run(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=3)
    first = work.start(settings={"lease_seconds": 20})
    work.wait_for("journal started after")

    begun = datetime.now(UTC)
    work.settings = {"when_held": "leave"}
    assert work.run() == 1

    refused = work.result(work.pid)
    assert refused["error"] == "RunHeld"
    for words in (
        f"process {first} on '{os.uname().nodename}'",
        "since ",
        "which renews its lease as long as it lives",
        "if it has died, the lease ends by ",
        "BATCH_SCORING_RUN_WHEN_HELD",
    ):
        assert words in refused["text"]
    # The time of the holder's lease counts, not that of the one who asks.
    assert begun + timedelta(seconds=19) < told_end(refused["text"]) < datetime.now(UTC) + timedelta(seconds=22)
    assert work.driver.wait(first) == 0
    work.require_whole(undisturbed)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]


def told_end(text: str) -> datetime:
    found = re.search(r"ends by (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text)
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_a_second_run_that_waits_says_so_once_and_has_the_run_by_the_time_it_was_told(
    work: Any, undisturbed: bytes, faults: Any
):
    faults.arm(kind="queue", seconds=1)
    first = work.start(settings={"lease_seconds": 15})
    work.wait_for("journal started after")
    os.kill(first, signal.SIGSTOP)
    try:
        second = work.start()
        assert work.driver.wait(second) == 0
        log = (work.home / "log").read_text()
        (told,) = [line for line in log.splitlines() if f" {second} " in line and "Waiting for it" in line]
        # When it had entered the run, by the journal's own time.
        (run_name,) = [name for name in work.names("runs/") if name.endswith("/run.json")]
        entered = min(attempt["ended_at"] for attempt in work.attempts())
        assert datetime.fromisoformat(entered) < told_end(told) + timedelta(seconds=5)
        assert work.json(run_name)["lease_seconds"] == 60
    finally:
        os.kill(first, signal.SIGCONT)
    assert work.driver.wait(first) == 1
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


MOMENTS = [
    "upload input after",
    "submit before",
    "submit after",
    "journal submitted after",
    "start after",
    "status after",
    "download output before",
    "upload predictions after",
    "manifest after",
    "latest before",
    "latest after",
]


@pytest.mark.parametrize("moment", sampled(MOMENTS, 2))
def test_a_run_that_is_terminated_at_a_step_leaves_no_live_job_and_the_next_one_finishes(
    work: Any, undisturbed: bytes, moment: str
):
    assert work.run(end_at=moment) == 1
    assert moment in work.trace
    assert work.result(work.pid)["error"] == "KeyboardInterrupt"
    if work.names("runs/") and work.attempts():
        assert not [attempt for attempt in work.attempts() if attempt["state"] in ("submitted", "started")]
    (run_name,) = [name for name in work.names("runs/") if name.endswith("/run.json")]
    assert work.json(run_name)["state"] == "stopped"

    work.must_run()

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

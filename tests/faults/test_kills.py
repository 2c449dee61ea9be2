"""Kill -9 at every step of a run: the next one goes on, and the result is what it would have been."""

from typing import Any

import pytest

from tests.campaigns import sampled

KILLED = -9

STEPS = [
    "run open",
    "upload input",
    "journal intent",
    "submit",
    "journal submitted",
    "start",
    "journal started",
    "status",
    "journal finished",
    "download output",
    "journal verified",
    "upload predictions",
    "upload quarantine",
    "manifest",
    "latest",
    "run published",
]


# After one step is before the next, except where something happened elsewhere, or nothing follows.
MOMENTS = [f"{step} before" for step in STEPS] + [f"{step} after" for step in ("submit", "start", "run published")]


@pytest.mark.parametrize("moment", sampled(MOMENTS, 4))
def test_a_run_that_is_killed_at_a_step_is_finished_by_the_next(work: Any, undisturbed: bytes, moment: str):
    assert work.run(kill_at=moment) == KILLED
    assert work.trace[-1] == moment

    work.must_run()

    work.require_whole(undisturbed)


def test_a_run_that_is_killed_again_and_again_is_finished(work: Any, undisturbed: bytes):
    for n_steps in (9, 7, 11, 5, 13, 8):
        assert work.run(kill_after_steps=n_steps) == KILLED
    work.must_run()
    work.require_whole(undisturbed)
    # Those of the killed ones hold rows of the customer's.
    assert len(list(work.home.glob("runs/*/.work-*"))) <= 1


def test_a_submit_whose_id_was_lost_leaves_a_note_that_an_orphan_may_exist(work: Any, undisturbed: bytes):
    assert work.run(kill_at="submit after") == KILLED
    work.must_run()
    work.require_whole(undisturbed)
    noted = [attempt for attempt in work.attempts() if attempt["orphan_possible"]]
    assert [(attempt["job_id"], attempt["state"]) for attempt in noted] == [(None, "failed")]
    assert len(work.job_ids) == len(work.attempts()) == 4


@pytest.mark.parametrize("step", ["journal submitted after", "start after", "journal started after"])
def test_a_job_that_the_journal_knows_is_adopted_and_not_submitted_again(work: Any, undisturbed: bytes, step: str):
    assert work.run(kill_at=step) == KILLED
    work.must_run()
    work.require_whole(undisturbed)
    assert len(work.job_ids) == 3
    assert [attempt["number"] for attempt in work.attempts()] == [1, 1, 1]


def test_work_that_is_published_is_fetched_and_not_scored_again(work: Any, undisturbed: bytes):
    first = work.must_run()
    jobs = work.job_ids
    for path in work.home.glob("runs/*/*.csv"):
        path.unlink()

    again = work.must_run()

    assert again == first
    assert work.job_ids == jobs
    work.require_whole(undisturbed)


def test_rescoring_makes_another_generation_and_keeps_the_one_before(work: Any, undisturbed: bytes):
    first = work.must_run()
    assert work.run(rescore=True, kill_at="journal finished after") == KILLED
    assert work.json("published/reviews/latest.json")["current"]["folder"] == first["published"]

    second = work.must_run(rescore=True)

    assert (first["generation"], second["generation"]) == (1, 2)
    work.require_whole(undisturbed, n_generations=2)
    assert len({job["job_id"] for job in first["jobs"] + second["jobs"]}) == 6
    assert len(work.names(f"{first['published']}/")) == 5

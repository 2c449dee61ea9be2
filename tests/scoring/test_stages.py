"""How the time of an execution is divided among its stages."""

from scoring.stages import Stage, Stages
from tests.scoring.report.knowns import at, attempt


def test_each_moment_counts_once_for_what_cannot_be_hastened_and_else_for_orchestration():
    stages = Stages()
    stages.note(Stage.VALIDATE, at(0), at(2))
    stages.note(Stage.UPLOAD, at(3), at(6))
    stages.note(Stage.SERVICE, at(5), at(9))
    stages.note(Stage.SERVICE, at(6), at(8))
    stages.note(Stage.DOWNLOAD, at(8), at(20))
    spent = stages.seconds(at(0), at(12))
    assert {stage: seconds for stage, seconds in spent.items() if seconds} == {
        "validate": 2.0,
        "orchestration": 1.0,
        "upload": 2.0,
        "service": 4.0,
        "download": 3.0,
    }
    assert sum(spent.values()) == 12


def test_a_job_is_queued_run_and_noticed_by_our_own_clock():
    stages = Stages()
    # The service's clock is an hour behind; it ran for 4 s, and its end was noticed at 7.5 s.
    job = attempt().model_copy(
        update={
            "service_start_time": at(3 - 3600).isoformat(),
            "service_end_time": at(7 - 3600).isoformat(),
            "noticed_after_seconds": 0.5,
        }
    )
    stages.note_jobs([job, attempt()])
    spent = stages.seconds(at(0), at(8))
    assert (spent["queue"], spent["service"], spent["noticing"], spent["orchestration"]) == (2.0, 4.0, 0.5, 1.5)


def test_a_job_that_ended_in_the_queue_counts_for_no_stage():
    stages = Stages()
    ended = {"service_start_time": "0001-01-01T00:00:00+00:00", "service_end_time": at(7).isoformat()}
    stages.note_jobs([attempt().model_copy(update={**ended, "noticed_after_seconds": 0.5})])
    assert stages.seconds(at(0), at(8))["orchestration"] == 8.0

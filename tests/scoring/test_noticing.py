"""How late the end of a job was noticed, whatever the service's clock shows."""

from datetime import timedelta

import pytest

from bes.protocol import UNSET_TIME, JobState, JobStatus
from scoring.noticing import noticed_after_seconds
from tests.scoring.report.knowns import at, attempt


def delay(*, ahead: float = 0.0, alive_at: float | None = 5.0, created: float = 0.3, end: float = 7.0):
    """Of a job that was submitted from 0 to 0.5, and whose end was noticed at 7.5."""

    def told(seconds: float) -> str:
        return (at(seconds) + timedelta(seconds=ahead)).isoformat()

    state = JobState(status=JobStatus.FINISHED, created_at=told(created), end_time=told(end))
    alive = None if alive_at is None else at(alive_at)
    return noticed_after_seconds(attempt(), state, alive_at=alive, noticed_at=at(7.5))


def test_where_clocks_agree_it_is_from_the_end_to_our_noticing():
    assert delay() == 0.5


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 2.0, -0.4])
def test_another_clock_changes_it_by_no_more_than_the_submit_took(ahead: float):
    assert delay(ahead=ahead) == pytest.approx(0.5, abs=0.5)


def test_a_job_did_not_end_before_it_was_last_known_to_live_or_was_submitted():
    assert delay(end=6.0, alive_at=7.25) == 0.25
    assert delay(end=0.0, alive_at=None) == 7.0


def test_it_is_not_known_where_the_service_tells_no_end():
    for end in (None, UNSET_TIME):
        state = JobState(status=JobStatus.FINISHED, end_time=end)
        assert noticed_after_seconds(attempt(), state, alive_at=None, noticed_at=at(7.5)) is None

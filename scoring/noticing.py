"""How late the end of a job was noticed, by our own clock."""

from datetime import datetime, timedelta

from bes.pacing import moment_of
from bes.protocol import JobState
from scoring.attempts import Attempt


def noticed_after_seconds(
    attempt: Attempt, state: JobState, *, alive_at: datetime | None, noticed_at: datetime
) -> float | None:
    """From the end of a job to the moment at which its status told of it; None where the service tells no end.

    The service has a clock of its own. It made the job between our intent and its answer to the submit; where it says
    otherwise, its times are moved by as little as makes it so. What is wrong then is less than a submit takes, and
    nothing where the clocks agree. Nor did the job end before the last status that it lived in was asked for.

    Args:
        attempt: Knows when we submitted it.
        state: The final one.
        alive_at: When the last status was asked for that told of no end; None when there was none.
        noticed_at: When the answer was here.
    """
    end = moment_of(state.end_time)
    if end is None:
        return None
    since = alive_at or attempt.submitted_at or attempt.intent_at
    late, longest = noticed_at - (end - _ahead(attempt, state)), noticed_at - since
    return round(max(0.0, min(late, longest).total_seconds()), 3)


def _ahead(attempt: Attempt, state: JobState) -> timedelta:
    """How far the service's clock is at least ahead of ours; negative when it is behind."""
    created = moment_of(state.created_at)
    if created is None or attempt.submitted_at is None:
        return timedelta(0)
    return created - min(max(created, attempt.intent_at), attempt.submitted_at)

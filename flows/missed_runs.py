"""What becomes of scheduled runs that nobody could begin in time: after an outage all of them begin at once."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Literal

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Completed

logger = logging.getLogger(__name__)

MissedRuns = Literal["all", "latest", "skip"]

_DOES_NOT_WORK = {StateType.CANCELLED, StateType.CANCELLING}
_TAG = "auto-scheduled"
"""Prefect's scheduler gives it to each run that it makes."""


async def skipped(policy: MissedRuns, *, late_after: timedelta) -> State[None] | None:
    """The end of this run if it was missed and shall not be made up for; None when it shall do its work.

    It is a kind of Completed, named Skipped: nothing is wrong and nobody has to act. Only a run that a schedule made is
    ever skipped, and only before it has begun: one that is resumed or retried goes on.

    Args:
        policy: `all` makes up for every missed run, `latest` for the last one of its schedule, `skip` for none.
        late_after: With `skip`, by how much a run may begin too late.
    """
    run = _missable()
    if run is None or policy == "all":
        return None
    reason = _too_late(run, late_after) if policy == "skip" else await _superseded(run)
    if reason is None:
        return None
    message = f"{reason} (missed_runs: {policy}). To do its work nevertheless, start a run with its run_date."
    logger.info("this run is skipped: %s", message)
    return Completed(name="Skipped", message=message)


def _missable() -> FlowRun | None:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run if run is not None and run.auto_scheduled and run.run_count <= 1 else None


def _too_late(run: FlowRun, late_after: timedelta) -> str | None:
    late = datetime.now(UTC) - _due(run)
    if late <= late_after:
        return None
    return f"It was due at {_due(run):%Y-%m-%d %H:%M} UTC and could begin only {_in_words(late)} later"


async def _superseded(run: FlowRun) -> str | None:
    async with get_client() as client:
        due = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id] if run.deployment_id else []),
                tags=FlowRunFilterTags(all_=[_TAG]),
                expected_start_time=FlowRunFilterExpectedStartTime(
                    after_=_due(run) + timedelta(microseconds=1), before_=datetime.now(UTC)
                ),
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
    later = next((other for other in due if _does_the_work_of(other, run)), None)
    if later is None:
        return None
    return f"It was due at {_due(run):%Y-%m-%d %H:%M} UTC; the run that was due at {_due(later):%Y-%m-%d %H:%M} works"


def _does_the_work_of(later: FlowRun, run: FlowRun) -> bool:
    # Another schedule of the deployment has other parameters.
    return _schedule(later) == _schedule(run) and later.state_type not in _DOES_NOT_WORK


def _schedule(run: FlowRun) -> str | None:
    # The slug: ids of schedules may change when they are deployed again.
    return run.created_by.display_value if run.created_by else None


def _due(run: FlowRun) -> datetime:
    if run.expected_start_time is None:
        raise RuntimeError(f"the scheduled run {run.id} has no time at which it was due")
    return run.expected_start_time


def _in_words(late: timedelta) -> str:
    hours, minutes = divmod(int(late.total_seconds()) // 60, 60)
    return f"{hours} h {minutes} min"

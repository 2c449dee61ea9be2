"""When Prefect may repeat a task: only for what can pass by itself, and only where repeating is harmless."""

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from bes.errors import Throttled, Unavailable

RETRIES = 2
RETRY_DELAY_SECONDS = [2.0, 8.0]
"""Long enough for a restart of a gateway, short enough for a person who waits."""


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """True for an outage. Throttling is not one: the client has already waited as long as it may."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unavailable) and not isinstance(error, Throttled)


def was_not_sent(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """True for an outage in which the request surely never reached the service: what even a submit may repeat."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unavailable) and not isinstance(error, Throttled) and not error.was_sent

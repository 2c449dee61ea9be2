"""When Prefect may repeat a task: only for what can pass by itself, and only where repeating is harmless."""

from typing import Annotated, Any, ParamSpec, TypeVar

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from pydantic import BaseModel, ConfigDict, Field

from bes.errors import Throttled, Unavailable

_P = ParamSpec("_P")
_R = TypeVar("_R")

RETRIES = 2
RETRY_DELAY_SECONDS = [2.0, 8.0]
"""Long enough for a restart of a gateway, short enough for a person who waits."""

# Longer than a day is no retry but another run.
Delay = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class RetrySettings(BaseModel):
    """How often and how patiently a task is repeated after an outage. What may be repeated is not for settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    retries: int = Field(RETRIES, ge=0, le=50, description="Most retries of one task. 0 for none.")
    delays_seconds: list[Delay] = Field(
        RETRY_DELAY_SECONDS,
        min_length=1,
        max_length=50,
        description="Pause before each retry; the last one is that of all further retries.",
    )
    jitter_factor: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Lets pauses differ by up to this share, so that many runs do not come back at the same moment.",
    )

    def applied_to(self, task: Task[_P, _R]) -> Task[_P, _R]:
        """The same task with these retries, under its own condition."""
        return task.with_options(
            retries=self.retries,
            retry_delay_seconds=self.delays_seconds,
            retry_jitter_factor=self.jitter_factor,
        )


DEFAULT_RETRIES = RetrySettings()


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """True for an outage. Throttling is not one: the client has already waited as long as it may."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unavailable) and not isinstance(error, Throttled)


def was_not_sent(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """True for an outage in which the request surely never reached the service: what even a submit may repeat."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, Unavailable) and not isinstance(error, Throttled) and not error.was_sent

"""What a Prefect server shows of runs, and when it shows all of it: it writes down task runs and events later."""

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

_QUIET_SECONDS: Final = 5.0
"""A server that shows nothing new for so long has caught up; it writes what it holds at least every 2 s."""
_CAUGHT_UP_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.2
_PAGE: Final = 200
_NOT_ENDED: Final = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One task run; times in seconds since 1970."""

    name: str
    began_at: float
    ended_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the server shows of one flow run.

    Args:
        n_events: An equal share of those of all runs that were looked at.
        n_artifacts: Likewise.
        caught_up_seconds: From the end of their process until the server showed everything.
    """

    task_runs: tuple[TaskRun, ...] = field(default=())
    n_events: int = 0
    n_artifacts: int = 0
    caught_up_seconds: float = 0.0


class ServerView:
    """One Prefect server, asked for what began since a moment.

    Args:
        api: Address of its API.
        since: Seconds since 1970.
    """

    def __init__(self, api: str, *, since: float) -> None:
        self._api = api
        self._since = datetime.fromtimestamp(since, UTC).isoformat()
        self._runs: dict[str, Any] = {"flow_runs": {"start_time": {"after_": self._since}}}

    def wait_for_all(self, *, ended_at: float, n_runs: int) -> list[Seen]:
        """What there is to see of the runs, when nothing new has come for a while.

        Args:
            ended_at: When their process ended, in seconds since 1970.
            n_runs: How many flow runs there are.

        Raises:
            RuntimeError: The server does not come to rest, or does not show that everything has ended.
        """
        before: tuple[int, ...] = ()
        changed_at = ended_at
        while not before or time.time() - changed_at < _QUIET_SECONDS:
            if time.time() - ended_at > _CAUGHT_UP_SECONDS:
                raise RuntimeError("The Prefect server has not caught up with a run in five minutes. See its log.")
            counts = self._counts()
            if before and counts != before:
                changed_at = time.time()
            before = counts
            time.sleep(_LOOK_SECONDS)
        n_open, _, n_events, n_artifacts = before
        runs = self._ask("flow_runs/filter", {**self._runs, "sort": "START_TIME_ASC"})
        if n_open or len(runs) != n_runs:
            raise RuntimeError(
                f"The Prefect server shows {len(runs)} flow runs instead of {n_runs}, {n_open} task runs open."
            )
        return [
            Seen(
                task_runs=tuple(self._task_runs(run["id"])),
                n_events=n_events // n_runs,
                n_artifacts=n_artifacts // n_runs,
                caught_up_seconds=changed_at - ended_at,
            )
            for run in runs
        ]

    def _counts(self) -> tuple[int, ...]:
        not_ended = {"task_runs": {"state": {"type": {"any_": _NOT_ENDED}}}}
        return (
            self._ask("task_runs/count", {**self._runs, **not_ended}),
            self._ask("task_runs/count", self._runs),
            self._ask("events/filter", {"filter": {"occurred": {"since": self._since}}, "limit": 1})["total"],
            self._ask("artifacts/count", self._runs),
        )

    def _task_runs(self, flow_run: str) -> Iterator[TaskRun]:
        wanted = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": _PAGE}
        offset = 0
        while page := self._ask("task_runs/filter", {**wanted, "offset": offset}):
            offset += len(page)
            for run in page:
                times = (datetime.fromisoformat(run[name]).timestamp() for name in ("start_time", "end_time"))
                yield TaskRun(name=run["name"], began_at=next(times), ended_at=next(times))

    def _ask(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
        request = urllib.request.Request(  # noqa: S310 (of this machine)
            f"{self._api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.load(response)

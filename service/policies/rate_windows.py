"""Sliding windows: how many calls a caller made in the last seconds. They are short, so they live in memory."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from service.policies.model import RateLimit
from service.policies.statements import MAX_RATE_PERIOD_SECONDS

_SWEEP_EVERY = 10_000
"""Takes between two looks for callers who are long gone; addresses may come and go without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a limit says to a call: let through if `retry_after_seconds` is None."""

    remaining: int
    retry_after_seconds: int | None = None


@dataclass(slots=True)
class RateWindows:
    """All windows of a gateway.

    Args:
        monotonic: The clock, in seconds.
    """

    monotonic: Callable[[], float]
    _calls: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _n_takes: int = 0

    def take(self, limit: RateLimit, caller: str) -> Taken:
        """Count a call if there is room for it. A refused call is not counted."""
        now = self.monotonic()
        self._sweep(now)
        calls = self._calls.setdefault((limit.counter, caller), deque())
        while calls and calls[0] <= now - limit.renewal_period_seconds:
            calls.popleft()
        if len(calls) >= limit.calls:
            left = calls[0] + limit.renewal_period_seconds - now
            return Taken(remaining=0, retry_after_seconds=max(1, math.ceil(left)))
        calls.append(now)
        return Taken(remaining=limit.calls - len(calls))

    def _sweep(self, now: float) -> None:
        self._n_takes += 1
        if self._n_takes % _SWEEP_EVERY == 0:
            oldest = now - MAX_RATE_PERIOD_SECONDS
            self._calls = {key: calls for key, calls in self._calls.items() if calls and calls[-1] > oldest}

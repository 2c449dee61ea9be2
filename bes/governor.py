"""One budget for all calls through the gateway: learned from what the gateway says, spent on what matters most first.

API Management counts the calls of a subscription in a window that slides. How many it takes, and how long the window
is, the client is told by the headers of an answer where a policy sets them, or by the first refusal with its
Retry-After; from then on no call is made that would be refused. Others may share the subscription: a limit that was
learned while they used it is tried again later.
"""

import bisect
import itertools
import logging
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

from bes.errors import Throttled

logger = logging.getLogger(__name__)

_LONGEST_PERIOD_SECONDS = 300.0
"""API Management's longest window of a rate limit. What asks for more is a quota: it ends by itself, not by pacing."""

_PERIODS_SECONDS = (300.0, 180.0, 120.0, 90.0, 60.0, 30.0, 20.0, 15.0, 10.0, 5.0, 1.0)
"""Windows that people write into policies; a refusal tells which of them it is."""

_USUAL_PERIOD_SECONDS = 60.0
"""The window where nothing tells; API Management's own products have it."""

_LIMIT_HEADERS = ("X-RateLimit-Limit", "RateLimit-Limit")
_REMAINING_HEADERS = ("X-RateLimit-Remaining", "RateLimit-Remaining")

_POLICY_HEADERS = ("RateLimit-Policy", *_LIMIT_HEADERS)

_TRUSTED_PERIODS = 10
"""For so many windows a limit is kept that one refusal has told; then one more call is tried."""

_IN_FLIGHT_SECONDS = 0.05
"""Until the next look where calls must end before their window can."""

_REMEMBERED = 10_000


class Priority(IntEnum):
    """What a call is for; where calls are few, the lower number goes first."""

    CANCEL = 0
    START = 1
    SUBMIT = 2
    EXECUTE = 3
    STATUS = 4


_WINDOW = re.compile(r"w=(\d+)")


@dataclass(frozen=True, slots=True)
class _Limit:
    calls: int
    period_seconds: float


class Governor:
    """The calls of one subscription in this process. Safe in any thread.

    Args:
        clock: Monotonic seconds, injected by tests.

    Attributes:
        n_calls: Calls made so far, by what they were for.
        n_refused: Those of them that the gateway refused.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit: _Limit | None = None
        self._learned_at = 0.0
        self._is_confirmed = False
        self._closed_until = 0.0
        self._in_flight = 0
        # When each call was answered: a window counts it from no later than that.
        self._answered: deque[float] = deque(maxlen=_REMEMBERED)
        self._waiting: list[tuple[Priority, int]] = []
        self._numbers = itertools.count()
        self.n_calls: Counter[Priority] = Counter()
        self.n_refused = 0

    @contextmanager
    def turn(
        self, priority: Priority, *, sleep: Callable[[float], None], patience_seconds: float
    ) -> Iterator[Callable[[Mapping[str, str]], None]]:
        """Wait until a call may be made, and learn what comes of it.

        Args:
            priority: What it is for.
            sleep: Waits for seconds.
            patience_seconds: For how long to wait while the gateway takes no calls at all.

        Yields:
            To be told the headers of the answer.

        Raises:
            Throttled: The gateway takes no calls for longer than that; no call was made.
        """
        self._require_open_within(patience_seconds)
        self._wait(priority, sleep)
        try:
            yield self._hear
        except Throttled as error:
            self._refused(error.retry_after_seconds)
            raise
        except BaseException:
            self._ended()
            raise
        else:
            self._ended()

    def _require_open_within(self, seconds: float) -> None:
        with self._lock:
            left = self._closed_until - self._clock()
        if left > seconds:
            raise Throttled(
                f"The gateway takes no calls for another {left:.0f} s.",
                f"Run again in {left:.0f} s, or ask for a product with a higher limit.",
                left,
            )

    def _wait(self, priority: Priority, sleep: Callable[[float], None]) -> None:
        ticket = (priority, next(self._numbers))
        with self._lock:
            bisect.insort(self._waiting, ticket)
        try:
            while (seconds := self._seconds_until(ticket)) > 0:
                sleep(seconds)
        finally:
            with self._lock:
                self._waiting.remove(ticket)

    def _seconds_until(self, ticket: tuple[Priority, int]) -> float:
        """How long a waiting call has to wait at least; with 0 its turn has come, and it is counted."""
        with self._lock:
            now = self._clock()
            seconds = self._closed_until - now
            if seconds <= 0 and self._limit is not None:
                seconds = self._seconds_in_window(self._limit, now, n_before=self._waiting.index(ticket))
            if seconds <= 0:
                self._in_flight += 1
                self.n_calls[ticket[0]] += 1
            return seconds

    def _seconds_in_window(self, limit: _Limit, now: float, *, n_before: int) -> float:
        recent = self._since(now - limit.period_seconds)
        n_free = limit.calls - self._in_flight - len(recent)
        if n_free > n_before:
            return 0
        if not self._is_confirmed and now - self._learned_at > _TRUSTED_PERIODS * limit.period_seconds:
            self._learn(_Limit(limit.calls + 1, limit.period_seconds), now)
            return 0 if n_free == n_before else _IN_FLIGHT_SECONDS
        # As many calls must leave the window first as are in the way.
        n_leaving = n_before - n_free
        return recent[n_leaving] + limit.period_seconds - now if n_leaving < len(recent) else _IN_FLIGHT_SECONDS

    def _since(self, moment: float) -> list[float]:
        return [answered for answered in self._answered if answered > moment]

    def _ended(self) -> None:
        with self._lock:
            self._in_flight -= 1
            self._answered.append(self._clock())

    def _hear(self, headers: Mapping[str, str]) -> None:
        calls, remaining = _number(headers, _LIMIT_HEADERS), _number(headers, _REMAINING_HEADERS)
        if calls is None or remaining is None or calls < 1:
            return
        told = _WINDOW.search(next((headers[name] for name in _POLICY_HEADERS if name in headers), ""))
        with self._lock:
            now = self._clock()
            known = self._limit.period_seconds if self._limit else _USUAL_PERIOD_SECONDS
            period = float(told[1]) if told else known
            used_here = self._in_flight + len(self._since(now - period))
            # Others with the same subscription use up some of it. The next answer tells again.
            self._learn(_Limit(max(1, min(calls, used_here + remaining)), period), now)

    def _refused(self, retry_after_seconds: float | None) -> None:
        with self._lock:
            now = self._clock()
            self._in_flight -= 1
            self.n_refused += 1
            if retry_after_seconds is None:
                return
            self._closed_until = max(self._closed_until, now + retry_after_seconds)
            if retry_after_seconds > _LONGEST_PERIOD_SECONDS:
                return
            logger.info("the gateway throttles; next call in %.0f s", retry_after_seconds)
            period = self._period_of(now + retry_after_seconds)
            n_taken = len(self._since(now - period))
            if n_taken:
                # With none of ours in it, the window was used up by others, and tells nothing of its size.
                known = self._limit
                self._learn(_Limit(n_taken, period), now)
                self._is_confirmed = known is not None and known.calls == n_taken + 1

    def _learn(self, limit: _Limit, now: float) -> None:
        if limit != self._limit:
            logger.info("from now on %d calls in %.0f s", limit.calls, limit.period_seconds)
        self._limit, self._learned_at = limit, now

    def _period_of(self, reopens_at: float) -> float:
        """The window of which some call of ours was the first, if it ends when the gateway says."""
        if self._limit is not None:
            return self._limit.period_seconds
        ages = [reopens_at - answered for answered in self._answered]
        # The gateway rounds up to whole seconds, and an answer takes a moment to arrive.
        fitting = (period for period in _PERIODS_SECONDS if any(period - 0.5 <= age <= period + 1.5 for age in ages))
        return next(fitting, _USUAL_PERIOD_SECONDS)


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    value = next((headers[name] for name in names if name in headers), "")
    # RateLimit-Limit may carry its window behind a comma.
    first = value.split(",")[0].strip()
    return int(first) if first.isdecimal() else None

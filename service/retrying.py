"""What sending a call again needs: how long to wait, and what was sent of its body."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from service.policies.model import Retry

Sleep = Callable[[float], Awaitable[None]]

MAX_KEPT_BYTES = 1 << 20
"""A body that is larger is passed on and then gone: the call is made once. The jobs of BES are a few kilobytes."""


class KeptBody:
    """The body of a call, which can be read again while it is small.

    Args:
        source: The parts as they come from the caller; read once.
        keeps: Keep them for another reading.
    """

    def __init__(self, source: AsyncIterator[bytes], *, keeps: bool) -> None:
        self._source = source
        self._kept: list[bytes] | None = [] if keeps else None
        self._n_bytes = 0

    @property
    def is_repeatable(self) -> bool:
        """Whether `parts` would give the whole body once more."""
        return self._kept is not None

    async def parts(self) -> AsyncIterator[bytes]:
        """What was read before, then the rest. The second reading begins after the first one has ended."""
        for part in tuple(self._kept or ()):
            yield part
        async for part in self._source:
            self._keep(part)
            yield part

    def _keep(self, part: bytes) -> None:
        self._n_bytes += len(part)
        if self._n_bytes > MAX_KEPT_BYTES:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(part)


def retry_waits(retry: Retry) -> Iterator[float]:
    """Seconds to wait before each further attempt: fixed, linear or exponential.

    Source: the formulas of API Management's retry policy, where the first attempt has the number 1. Its worked example
    (10, 20, 40, 80 s) is not what its exponential formula gives; the formula is what is done here.
    """
    for number in range(1, retry.count + 1):
        yield 0.0 if retry.first_is_fast and number == 1 else _wait(retry, number)


def _wait(retry: Retry, number: int) -> float:
    if retry.delta_seconds is None:
        return float(retry.interval_seconds)
    if retry.max_interval_seconds is None:
        return float(retry.interval_seconds + (number - 1) * retry.delta_seconds)
    spread = random.uniform(0.8, 1.2) * retry.delta_seconds  # noqa: S311 (spreads load, hides nothing)
    return min(float(retry.max_interval_seconds), retry.interval_seconds + float(2**number - 1) * spread)

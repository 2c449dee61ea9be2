"""Waits for what a server does some time after it was asked."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

QUIET_SECONDS = 6.0
"""Prefect stores events and log lines every 2 s, and those that found its database locked at another turn."""


def eventually(probe: Callable[[], object], *, seconds: float = 120) -> None:
    """Return when `probe` is true; fail when it is not by then."""
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, f"not within {seconds:g} s: {probe}"
        time.sleep(0.2)


def settled(look: Callable[[], Found], *, complete: Callable[[Found], object], seconds: float = 180) -> Found:
    """What `look` finds, once that is complete and stays the same: what came early may be stored last."""
    end = time.monotonic() + seconds
    before = look()
    while True:
        time.sleep(QUIET_SECONDS if complete(before) else 0.2)
        found = look()
        if complete(found) and found == before:
            return found
        assert time.monotonic() < end, f"not complete and the same within {seconds:g} s: {found}"
        before = found

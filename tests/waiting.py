"""Waits for what a server does some time after it was asked."""

import time
from collections.abc import Callable


def eventually(probe: Callable[[], object], *, seconds: float = 120) -> None:
    """Return when `probe` is true; fail when it is not by then."""
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end, f"not within {seconds:g} s: {probe}"
        time.sleep(0.2)

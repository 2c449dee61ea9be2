"""How a run is told to stop: the steps ask before each remote effect, and whoever sleeps is woken."""

import threading


class RunStopped(Exception):
    """Ends a step of a run that has been given up; whoever gave it up knows why."""


class Stop:
    """Set once, for all threads of a run."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Tell every step to end."""
        self._event.set()

    def check(self) -> None:
        """Do nothing, unless the run is to stop.

        Raises:
            RunStopped: It is.
        """
        if self._event.is_set():
            raise RunStopped

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is to stop.

        Raises:
            RunStopped: It is.
        """
        if self._event.wait(seconds):
            raise RunStopped

"""What to do when another process holds a run: wait for its end, end its lease when it is gone, or leave."""

import logging
import time

from bes.errors import RunHeld
from scoring.journal import Journal, RunRecord
from scoring.settings import RunSettings
from scoring.stopping import Stop

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
"""Between two looks whether another process has ended; a run takes minutes."""


class Meeting:
    """Meets whoever holds a run, again and again until the run is free.

    Args:
        journal: Of the run.
        settings: Whether to wait, and for how long.
        stop: Set when there is no more to wait for.
    """

    def __init__(self, journal: Journal, settings: RunSettings, stop: Stop) -> None:
        self._journal = journal
        self._settings = settings
        self._stop = stop
        self._end = time.monotonic() + settings.timeout_seconds
        self._told: str | None = None

    def meet(self, record: RunRecord, etag: str) -> None:
        """Wait a moment, or end the lease of a process that is gone; then the lease may be tried again.

        Raises:
            RunHeld: The settings say to leave, or it takes too long.
        """
        if record.writer.is_surely_gone:
            logger.info("%s is gone; its lease is ended", record.writer)
            if self._journal.documents.break_lease(self._journal.run_name, etag):
                return
        until = f"at most {self._settings.lease_seconds} s after it has ended"
        what = f"The run {record.run_key} is held by {record.writer}; its lease ends {until}."
        if self._settings.when_held == "leave" or time.monotonic() > self._end:
            raise RunHeld(what, "Wait for its result, or run again later; BATCH_SCORING_RUN_WHEN_HELD=wait waits.")
        if self._told != record.writer.session:
            logger.info("%s Waiting for it.", what)
            self._told = record.writer.session
        self._stop.sleep(_LOOK_SECONDS)

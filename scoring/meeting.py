"""What to do when another process holds a run: wait for its end, end its lease when it is gone, or leave."""

import logging
import time
from datetime import UTC, datetime, timedelta

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
        what = _held_by_other(record)
        if self._settings.when_held == "leave" or time.monotonic() > self._end:
            raise RunHeld(
                what, "Run again after its end: it adopts the result. BATCH_SCORING_RUN_WHEN_HELD=wait waits for that."
            )
        if self._told != record.writer.session:
            logger.info("%s Waiting for it.", what)
            self._told = record.writer.session
        self._stop.sleep(_LOOK_SECONDS)


def _held_by_other(record: RunRecord) -> str:
    # The storage tells nobody when a lease ends, so this is a bound: a holder that is dead by now has not renewed it
    # later than now, and each time for so long. A second more, as the time is cut to seconds.
    ends_by = datetime.now(UTC) + timedelta(seconds=record.lease_seconds + 1)
    return (
        f"The run {record.run_key} is held by {record.writer}, which renews its lease as long as it lives;"
        f" if it has died, the lease ends by {ends_by:%Y-%m-%d %H:%M:%S} UTC."
    )

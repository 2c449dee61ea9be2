"""A published run, held by this process while rows of its quarantine are scored and merged into it."""

import re
from datetime import UTC, datetime
from typing import Final

from bes.blobs import BlobStore
from bes.errors import Conflict, InputError
from scoring.journal import Journal, RunRecord, RunState
from scoring.lease import Lease
from scoring.meeting import Meeting
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer

_RUN_KEY: Final = re.compile(r"[0-9a-f]{16}")


class HeldRun:
    """The journal of a published run, and the lease on it.

    Args:
        store: The container; closed with the run.
        journal: Of the run.
        record: The journal's blob about it, and its etag.
        lease: The lease on that.
        stop: Set when the work is given up.
    """

    def __init__(
        self, store: BlobStore, journal: Journal, record: tuple[RunRecord, str], lease: Lease, stop: Stop
    ) -> None:
        self.store = store
        self.journal = journal
        self.record, self._etag = record
        self._lease = lease
        self._stop = stop

    def check(self) -> None:
        """Asked before each remote effect: do nothing while this process holds the run and shall go on.

        Raises:
            RunStopped: The work was given up.
            Conflict: The lease is lost.
        """
        self._stop.check()
        self._lease.check()

    def change(self, **changes: object) -> None:
        """Write something new about the run."""
        self.check()
        record = self.record.model_copy(update={**changes, "updated_at": datetime.now(UTC)})
        self._etag = self.journal.replace_run(record, self._etag, lease_id=self._lease.id)
        self.record = record

    def close(self) -> None:
        """Give the lease back. Harmless twice."""
        self._lease.release()
        self.store.close()


def hold_published(run_key: str, store: BlobStore, *, settings: RunSettings, writer: Writer, stop: Stop) -> HeldRun:
    """Become the one process that may publish another version of a run.

    Args:
        run_key: Which run.
        store: The container; it is closed with the run.
        settings: For how long the lease holds, and whether to wait for another process.
        writer: This process.
        stop: Set when the work is given up.

    Raises:
        InputError: There is no such run, or it is not published.
        RunHeld: Another process is at it, and the settings say to leave or it takes too long.
    """
    if not _RUN_KEY.fullmatch(run_key):
        raise InputError(f"{run_key!r} is not the key of a run.", "Take the run_key from the run's manifest.json.")
    journal = Journal(store.documents(), run_key)
    meeting = Meeting(journal, settings, stop)
    while True:
        record, etag = _published(journal)
        lease = Lease(journal.documents, journal.run_name, seconds=settings.lease_seconds)
        if not lease.acquire():
            meeting.meet(record, etag)
            continue
        try:
            # What was read before the lease was taken may be out of date.
            record, etag = _published(journal)
            changes = {"writer": writer, "lease_seconds": settings.lease_seconds, "updated_at": datetime.now(UTC)}
            mine = record.model_copy(update=changes)
            etag = journal.replace_run(mine, etag, lease_id=lease.id)
        except Conflict:
            lease.release()
            continue
        except BaseException:
            lease.release()
            raise
        return HeldRun(store, journal, (mine, etag), lease, stop)


def _published(journal: Journal) -> tuple[RunRecord, str]:
    found = journal.read_run()
    if found is None:
        raise InputError(
            f"There is no run {journal.run_key!r} in {journal.documents.place!r}.",
            "Take the run_key from the run's manifest.json, and check BATCH_SCORING_STORAGE_CONTAINER.",
        )
    record = found[0]
    if record.state is RunState.SCORED:
        raise InputError(
            f"{journal.run_key!r} is the key of requeued rows: {record.cause}.",
            "Name the run that they belong to.",
        )
    if record.state is not RunState.PUBLISHED:
        raise InputError(
            f"The run {journal.run_key!r} is not published: it is {record.state}.",
            "Run the same work again until it is, then requeue.",
        )
    return found

"""The lease of a run: held for as long as the process lives, and known to be lost before another can have it."""

import logging
import threading
import time
import uuid

from bes.documents import Documents
from bes.errors import Conflict, NotFound, RemoteError, Unavailable

logger = logging.getLogger(__name__)

_RENEWALS = 3
"""In the time of one lease, so that two of them may fail."""


class Lease:
    """A lease on one blob.

    Args:
        documents: Where the blob is.
        name: The blob.
        seconds: For how long it holds without being renewed, 15 to 60.
    """

    def __init__(self, documents: Documents, name: str, *, seconds: int) -> None:
        self.id = str(uuid.uuid4())
        self._documents = documents
        self._name = name
        self._seconds = seconds
        self._held_until = 0.0
        self._lost: RemoteError | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def acquire(self) -> bool:
        """Take it, and from then on renew it in a thread; False when it is another's."""
        asked_at = time.monotonic()
        if not self._documents.acquire_lease(self._name, self.id, self._seconds):
            return False
        self._held_until = asked_at + self._seconds
        self._thread.start()
        return True

    def check(self) -> None:
        """Do nothing while it is held.

        Raises:
            Conflict: It is lost, or may be.
            NotFound: The blob is gone, and the journal with it.
        """
        if isinstance(self._lost, NotFound):
            raise NotFound(self._lost.what, self._lost.next_step)
        if self._lost is not None or time.monotonic() > self._held_until:
            raise Conflict(
                f"This process has lost the lease on {self._name!r}, so that another may be at the same work.",
                "It stopped and left its jobs alone. Run again; it goes on where the work stands.",
            )

    def renew(self) -> None:
        """Hold it for its full time from now. Also one that the storage let end, if nobody has taken it since.

        Raises:
            Conflict: It is another's by now.
            NotFound: The blob is gone, and the journal with it.
        """
        asked_at = time.monotonic()
        self._documents.renew_lease(self._name, self.id)
        self._held_until = asked_at + self._seconds

    def release(self) -> None:
        """Give it back, so that nobody waits for its end. Harmless twice."""
        if self._end.is_set():
            return
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._seconds)
        try:
            self._documents.release_lease(self._name, self.id)
        except RemoteError as error:
            logger.warning("the lease on %r was not given back and ends by itself: %s", self._name, error)

    def _keep(self) -> None:
        while not self._end.wait(self._seconds / _RENEWALS):
            try:
                self.renew()
            except Unavailable as error:
                logger.warning("the lease on %r was not renewed: %s", self._name, error)
            except RemoteError as error:
                logger.warning("the lease on %r is lost: %s", self._name, error)
                self._lost = error
                return

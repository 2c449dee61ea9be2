"""A run that this process holds: its plan, its journal, its lease, and the word to stop."""

import logging
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.deadlines import JobClocks, JobDeadlines
from bes.errors import RemoteError
from bes.governor import Governor
from bes.settings import EndpointSettings
from scoring.attempts import ShardRecord
from scoring.journal import Journal, RunRecord, RunState, input_name
from scoring.lease import Lease
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.shard_journal import ShardJournal
from scoring.shards import Shard
from scoring.stages import Stages
from scoring.stopping import Stop
from scoring.versions import version_folder

logger = logging.getLogger(__name__)


class OpenRun:
    """What the steps of a run share. Safe in any thread of this process, and never handed to another.

    Args:
        plan: What is sent.
        settings: Deadlines and limits.
        endpoint: The web service that scores.
        store: The container; closed with the run.
        journal: Of this run.
        record: The journal's blob about the run, and its etag.
        lease: The lease on it; None for a run that is published and not to be scored again.
        stop: Set when the run is given up.
    """

    def __init__(
        self,
        plan: RunPlan,
        settings: RunSettings,
        *,
        endpoint: EndpointSettings,
        store: BlobStore,
        journal: Journal,
        record: tuple[RunRecord, str],
        lease: Lease | None,
        stop: Stop,
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.endpoint = endpoint
        self.store = store
        self.journal = journal
        self.stop = stop
        self.record, self._etag = record
        self._lease = lease
        self._lock = threading.RLock()
        self._shards: dict[str, ShardJournal] = {}
        self._found: dict[str, tuple[ShardRecord, str]] | None = None
        self._end = time.monotonic() + settings.timeout_seconds
        deadlines = JobDeadlines(
            queued=settings.queued_timeout_seconds,
            progress=settings.progress_timeout_seconds,
            total=settings.job_timeout_seconds,
        )
        self.governor = Governor()
        # What the service took for a row in the last good run, in seconds; set by whoever knows of one.
        self.seconds_per_row: float | None = None
        self.clocks = JobClocks(deadlines, time.monotonic)
        self.stages = Stages()

    @property
    def is_published(self) -> bool:
        """True when there is nothing to do but to bring the result home."""
        return self.record.state is RunState.PUBLISHED

    @property
    def seconds_left(self) -> float:
        """Until the deadline of the run."""
        return self._end - time.monotonic()

    def check(self) -> None:
        """Asked before each remote effect: do nothing while this process holds the run and shall go on.

        Raises:
            RunStopped: The run was given up.
            Conflict: The lease is lost.
        """
        self.stop.check()
        if self._lease is not None:
            self._lease.check()

    def sleep(self, seconds: float) -> None:
        """Wait as long as the run goes on."""
        self.stop.sleep(seconds)
        self.check()

    def client(self) -> BesClient:
        """A client whose calls count against the budget of the run, and which waits as long as the run goes on."""
        return BesClient(self.endpoint, governor=self.governor, sleep=self.sleep)

    @property
    def version_folder(self) -> str:
        """Where this generation of the run is published."""
        return version_folder(self.plan.contract, self.record.run_date, self.plan.run_key, self.record.generation)

    def input_name(self, shard: Shard) -> str:
        """The blob that the web service reads for a shard."""
        return input_name(self.plan.run_key, shard)

    def journal_of(self, shard: Shard) -> ShardJournal:
        """What the journal knows about a shard; those of all shards are read when the first one is asked for."""
        with self._lock:
            if self._found is None:
                # Nobody else writes them as long as this process holds the run.
                self._found = self.journal.read_shards()
            if shard.name not in self._shards:
                self._shards[shard.name] = ShardJournal(
                    self.journal,
                    shard,
                    session=self.record.writer.session,
                    generation=self.record.generation,
                    found=self._found.pop(shard.name, None),
                )
            return self._shards[shard.name]

    def journals(self) -> Iterable[ShardJournal]:
        """Those of all shards that were asked for."""
        with self._lock:
            return list(self._shards.values())

    def change(self, **changes: object) -> RunRecord:
        """Write something new about the whole run; returns the record."""
        with self._lock:
            if self._lease is None:
                raise RuntimeError("a run without a lease is not written")
            # A storage that was restarted may have let it end; then it would refuse the write.
            self._lease.renew()
            record = self.record.model_copy(update={**changes, "updated_at": datetime.now(UTC)})
            self._etag = self.journal.replace_run(record, self._etag, lease_id=self._lease.id)
            self.record = record
            return record

    def close(self, cause: str | None = None) -> None:
        """Give the lease back. Harmless twice.

        Args:
            cause: Why the run was given up; None when it ended well, or is left for the next execution.
        """
        self.stop.set()
        with self._lock:
            if self._lease is not None:
                if cause is not None and not self.is_published:
                    self._note(cause)
                self._lease.release()
                self._lease = None
        self.store.close()

    def _note(self, cause: str) -> None:
        try:
            self.change(state=RunState.STOPPED, cause=cause)
        except RemoteError as error:
            logger.warning("the journal does not know that the run was given up: %s", error)

"""The attempts of one shard in this process: read once, changed under a lock, and written before they are believed."""

import threading
from datetime import UTC, datetime

from bes.errors import RemoteError
from scoring.attempts import Attempt, AttemptState, ShardRecord
from scoring.journal import Journal, input_name, output_name
from scoring.shards import Shard

_TIMES = {
    AttemptState.SUBMITTED: "submitted_at",
    AttemptState.STARTED: "started_at",
    AttemptState.FINISHED: "ended_at",
    AttemptState.FAILED: "ended_at",
    AttemptState.CANCELLED: "ended_at",
    AttemptState.VERIFIED: "verified_at",
}


class ShardJournal:
    """What the journal knows about one shard.

    Args:
        journal: Of the run.
        shard: Which shard.
        session: This execution of the run.
        generation: Whose attempts count.
        found: Its record and etag; None when it was never tried.
    """

    def __init__(
        self,
        journal: Journal,
        shard: Shard,
        *,
        session: str,
        generation: int,
        found: tuple[ShardRecord, str] | None,
    ) -> None:
        self.shard = shard
        self.lock = threading.RLock()
        self._journal = journal
        self._session = session
        self._generation = generation
        self._record: ShardRecord
        self._etag: str | None
        self._record, self._etag = found or (self._first_record(), None)

    @property
    def last(self) -> Attempt | None:
        """The newest attempt that counts."""
        return self._record.last_of(self._generation)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All that count, the oldest first."""
        return tuple(attempt for attempt in self._record.attempts if attempt.generation == self._generation)

    @property
    def next_number(self) -> int:
        """Number of the attempt that a submit takes up or makes."""
        last = self.last
        goes_on = last is not None and last.job_id is not None and not last.state.is_over
        return len(self._record.attempts) + (0 if goes_on else 1)

    @property
    def n_spent(self) -> int:
        """How many attempts this execution has made in vain."""
        mine = [attempt for attempt in self._record.attempts if attempt.session == self._session]
        return sum(attempt.was_spent for attempt in mine)

    def add(self) -> Attempt:
        """Write the intent to submit a job; returns the new attempt."""
        number = len(self._record.attempts) + 1
        attempt = Attempt(
            number=number,
            generation=self._generation,
            session=self._session,
            state=AttemptState.INTENT,
            input_blob=input_name(self._journal.run_key, self.shard),
            output_blob=output_name(self._journal.run_key, self.shard, number),
            intent_at=datetime.now(UTC),
        )
        self._write((*self._record.attempts, attempt))
        return attempt

    def change(self, state: AttemptState, **changes: object) -> Attempt:
        """Write what became of the newest attempt; returns it."""
        before = self._require_last()
        times = {_TIMES[state]: datetime.now(UTC)} if state in _TIMES and state is not before.state else {}
        attempt = before.model_copy(update={"state": state, **times, **changes})
        self._write((*self._record.attempts[: before.number - 1], attempt))
        return attempt

    def _require_last(self) -> Attempt:
        if self.last is None:
            raise RuntimeError(f"{self.shard.label} has no attempt yet")
        return self.last

    def _write(self, attempts: tuple[Attempt, ...]) -> None:
        update = {"attempts": attempts, "revision": self._record.revision + 1, "session": self._session}
        record = self._record.model_copy(update=update)
        try:
            self._etag = self._journal.write_shard(record, self._etag)
        except RemoteError:
            # Whether it was written is not known: what the next writer finds is what counts.
            self._read_again(record)
            raise
        self._record = record

    def _read_again(self, unsure: ShardRecord) -> None:
        try:
            found = self._journal.read_shard(self.shard.name)
        except RemoteError:
            return
        if found is not None and found[0] == unsure:
            self._record, self._etag = found

    def _first_record(self) -> ShardRecord:
        return ShardRecord(run_key=self._journal.run_key, shard=self.shard.name, session=self._session)

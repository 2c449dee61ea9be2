"""What the journal holds about one shard: its attempts, each with everything that was done and what came of it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1


class Record(BaseModel):
    """A part of the journal: immutable, and without members that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AttemptState(StrEnum):
    """How far an attempt has come. Each is written after the effect it names, `intent` before the first one."""

    INTENT = "intent"
    SUBMITTED = "submitted"
    STARTED = "started"
    FINISHED = "finished"
    VERIFIED = "verified"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """True when nothing will come of the attempt."""
        return self in (AttemptState.FAILED, AttemptState.CANCELLED)

    @property
    def may_live(self) -> bool:
        """True when the web service may have a job of it that has not ended."""
        return self in (AttemptState.SUBMITTED, AttemptState.STARTED)


class Verdict(StrEnum):
    """What follows for the rows of an attempt that failed because of them. It is final in its generation."""

    HALVED = "halved"
    REFUSED = "refused"


class Attempt(Record):
    """One job for one shard, from the intent to submit it to its checked output.

    Args:
        number: From 1, over all generations; part of the output's name.
        session: The execution that began it.
        orphan_possible: A job may exist whose id is lost. It was never started, so it scores nothing.
        status_calls: How often its status was asked for by the execution that noticed its end.
        noticed_after_seconds: From its end to that moment.
        cause: Why nothing came of it, in our words.
        details: What the web service said, in its words.
        verdict: Its rows are scored in halves from here on, or its only row is refused; written together with the end,
            so that the same rows are never sent as a whole again.
    """

    number: int
    generation: int
    session: str
    state: AttemptState
    input_blob: str
    output_blob: str
    job_id: str | None = None
    orphan_possible: bool = False
    intent_at: datetime
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    verified_at: datetime | None = None
    cause: str | None = None
    details: str | None = None
    verdict: Verdict | None = None
    service_created_at: str | None = None
    service_start_time: str | None = None
    service_end_time: str | None = None
    status_calls: int | None = None
    noticed_after_seconds: float | None = None
    output_sha256: str | None = None
    output_size_bytes: int | None = None
    output_rows: int | None = None

    @property
    def was_spent(self) -> bool:
        """True when it counts against the limit: the service may have had a job, and nothing came of it."""
        return self.state.is_over and (self.job_id is not None or self.orphan_possible)


class ShardRecord(Record):
    """The journal's blob about one shard. `revision` and `session` make each content unlike any other's."""

    schema_version: int = SCHEMA_VERSION
    run_key: str
    shard: str
    revision: int = 0
    session: str
    attempts: tuple[Attempt, ...] = ()

    def last_of(self, generation: int) -> Attempt | None:
        """The newest attempt of a generation."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.generation == generation), None)

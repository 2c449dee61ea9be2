"""The jobs of BES in one SQLite file: what is true about a job, and which step may follow which."""

import sqlite3
import threading
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bes.protocol import BlobReference, JobStatus
from service import error_codes
from service.parameters import Scalar


class JobPhase(StrEnum):
    """Where a job stands. Two phases more than the wire knows: started but waiting, and making outputs visible."""

    NOT_STARTED = "NotStarted"
    QUEUED = "Queued"
    RUNNING = "Running"
    PUBLISHING = "Publishing"
    FINISHED = "Finished"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def status(self) -> JobStatus:
        """The status that clients see. A queued job has not started yet, as `StartTime` shows."""
        match self:
            case JobPhase.QUEUED:
                return JobStatus.NOT_STARTED
            case JobPhase.PUBLISHING:
                return JobStatus.RUNNING
            case _:
                return JobStatus(self.value)


TRANSITIONS: dict[JobPhase, frozenset[JobPhase]] = {
    JobPhase.NOT_STARTED: frozenset({JobPhase.QUEUED, JobPhase.CANCELLED}),
    JobPhase.QUEUED: frozenset({JobPhase.RUNNING, JobPhase.CANCELLED}),
    JobPhase.RUNNING: frozenset({JobPhase.PUBLISHING, JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.QUEUED}),
    # Past this point a cancellation comes too late: some outputs may be visible already, so all of them will be.
    JobPhase.PUBLISHING: frozenset({JobPhase.FINISHED, JobPhase.FAILED, JobPhase.QUEUED}),
    JobPhase.FINISHED: frozenset(),
    JobPhase.FAILED: frozenset(),
    JobPhase.CANCELLED: frozenset(),
}
"""Which phase may follow which."""

UNDER_WAY = frozenset({JobPhase.RUNNING, JobPhase.PUBLISHING})
"""Phases in which a job is lost when the service dies, and is run again by the next one."""


class JobOrder(BaseModel):
    """What a job is to do. An output without a reference goes to the service's own storage."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, BlobReference]
    outputs: dict[str, BlobReference | None]
    parameters: dict[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One BES job as it stood when it was read."""

    job_id: str
    service_id: str
    phase: JobPhase
    order: JobOrder
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    details: str | None
    attempts: int


SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    job_order TEXT NOT NULL,
    queue_position INTEGER,
    not_before REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    details TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_phase ON jobs (phase, queue_position);
CREATE INDEX IF NOT EXISTS jobs_by_creation ON jobs (created_at);
"""

LOCK_SECONDS = 2
"""How long an opening service waits for the one before it to let go of the file."""

CLAIM = """
UPDATE jobs SET phase = 'Running', started_at = :now, attempts = attempts + 1
WHERE job_id = (
    SELECT job_id FROM jobs AS waiting
    WHERE phase = 'Queued' AND not_before <= :epoch AND service_id IN (SELECT value FROM json_each(:services))
        AND (SELECT count(*) FROM jobs AS busy
             WHERE busy.phase IN ('Running', 'Publishing') AND busy.service_id = waiting.service_id) < :limit
    ORDER BY queue_position LIMIT 1)
RETURNING *
"""


class JobStore:
    """The jobs of one service, durable before any answer is given. Used by one process at a time, by any thread.

    Args:
        file: The SQLite file; created when missing. It holds credentials of the clients' storage accounts, those of
            inputs until a job ends and those of outputs for as long as the job is kept.

    Raises:
        RuntimeError: Another process uses the file, or a newer version of this service made it.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare(file)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, file: Path) -> None:
        try:
            # The lock on the file is what keeps two services from running the same job.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA secure_delete = ON")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                message = f"{file} has schema version {version}; this service knows {SCHEMA_VERSION}. Use another file."
                raise RuntimeError(message)
            self._connection.executescript(f"{SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};")
        except sqlite3.OperationalError as error:
            message = f"{file} cannot be used: {error}. Is another service running on it?"
            raise RuntimeError(message) from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def submit(self, service_id: str, order: JobOrder) -> str:
        """Register a job that does nothing until it is started, and give its id: 32 hexadecimal digits."""
        job_id = uuid.uuid4().hex
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (job_id, service_id, phase, job_order, created_at) VALUES (?, ?, ?, ?, ?)",
                (job_id, service_id, JobPhase.NOT_STARTED, order.model_dump_json(), _now()),
            )
        return job_id

    def get(self, service_id: str, job_id: str) -> Job:
        """A job of a service.

        Raises:
            ServiceError: `JobNotFound`.
        """
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT * FROM jobs WHERE job_id = ? AND service_id = ?", (job_id, service_id)
            ).fetchone()
        if row is None:
            raise error_codes.JOB_NOT_FOUND(job_id[:64])
        return _job(row)

    def newest(self, limit: int) -> list[Job]:
        """The jobs of all services that were submitted last, newest first, `limit` at most."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT * FROM jobs ORDER BY created_at DESC, job_id LIMIT ?", (limit,)
            ).fetchall()
        return [_job(row) for row in rows]

    def start(self, service_id: str, job_id: str, *, delay_seconds: float = 0.0) -> None:
        """Put a submitted job at the end of the queue, where it waits for `delay_seconds` at least.

        Raises:
            ServiceError: `JobNotFound`, or `CannotStartJob` when it was started before.
        """
        self.get(service_id, job_id)
        not_before = datetime.now(UTC).timestamp() + delay_seconds
        position = "(SELECT coalesce(max(queue_position), 0) + 1 FROM jobs)"
        changes = f"queue_position = {position}, not_before = ?"
        if not self._move(job_id, JobPhase.QUEUED, changes, not_before, only_from={JobPhase.NOT_STARTED}):
            raise error_codes.CANNOT_START_JOB(self.get(service_id, job_id).phase)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job unless it has ended or its outputs are becoming visible; says whether it was cancelled."""
        return self._end(job_id, JobPhase.CANCELLED, None)

    def claim(self, services: Collection[str], *, max_running_jobs: int) -> Job | None:
        """The job that has waited longest and may run now, marked `Running`; None when there is none.

        Args:
            services: Ids of the services whose jobs may run.
            max_running_jobs: Jobs of one service that may run at the same time.
        """
        values = {
            "now": _now(),
            "epoch": datetime.now(UTC).timestamp(),
            "services": "[" + ",".join(f'"{service}"' for service in services) + "]",
            "limit": max_running_jobs,
        }
        with self._transaction() as connection:
            row = connection.execute(CLAIM, values).fetchone()
        return _job(row) if row else None

    def begin_publishing(self, job_id: str) -> bool:
        """Take a running job past the point of no return; False when it was cancelled before."""
        return self._move(job_id, JobPhase.PUBLISHING, "details = NULL")

    def finish(self, job_id: str) -> bool:
        """End a job whose outputs are all visible."""
        return self._end(job_id, JobPhase.FINISHED, None)

    def fail(self, job_id: str, details: str) -> bool:
        """End a running job; `details` is what clients read."""
        return self._end(job_id, JobPhase.FAILED, details)

    def requeue(self, job_id: str) -> bool:
        """Put a running job back where it was in the queue."""
        return self._move(job_id, JobPhase.QUEUED, "started_at = NULL", only_from=UNDER_WAY)

    def recover(self, *, counts_as_attempt: bool) -> int:
        """Put every running job back into the queue, and say how many there were.

        Args:
            counts_as_attempt: False when the service stopped in an orderly way, so that the job is not to blame.
        """
        attempts = "attempts" if counts_as_attempt else "max(attempts - 1, 0)"
        with self._transaction() as connection:
            return connection.execute(
                f"UPDATE jobs SET phase = 'Queued', started_at = NULL, attempts = {attempts} "  # noqa: S608 - ours
                "WHERE phase IN ('Running', 'Publishing')"
            ).rowcount

    def forget_ended_before(self, age: timedelta) -> int:
        """Delete the records of jobs that ended longer than `age` ago, and say how many there were."""
        with self._transaction() as connection:
            return connection.execute(
                "DELETE FROM jobs WHERE ended_at < ?", ((datetime.now(UTC) - age).isoformat(),)
            ).rowcount

    def _end(self, job_id: str, phase: JobPhase, details: str | None) -> bool:
        # The credentials of inputs are of no use any more; those of outputs sign the links to the results.
        changes = "ended_at = ?, details = ?, job_order = json_set(job_order, '$.inputs', json('{}'))"
        return self._move(job_id, phase, changes, _now(), details)

    def _move(
        self,
        job_id: str,
        phase: JobPhase,
        changes: str,
        *values: object,
        only_from: Collection[JobPhase] = tuple(TRANSITIONS),
    ) -> bool:
        before = [before for before in only_from if phase in TRANSITIONS[before]]
        marks = ", ".join("?" for _ in before)
        statement = f"UPDATE jobs SET phase = ?, {changes} WHERE job_id = ? AND phase IN ({marks})"  # noqa: S608 - ours
        with self._transaction() as connection:
            return connection.execute(statement, (phase, *values, job_id, *before)).rowcount == 1


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _job(row: sqlite3.Row) -> Job:
    return Job(
        job_id=row["job_id"],
        service_id=row["service_id"],
        phase=JobPhase(row["phase"]),
        order=JobOrder.model_validate_json(row["job_order"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=datetime.fromisoformat(row["started_at"]) if row["started_at"] else None,
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        details=row["details"],
        attempts=row["attempts"],
    )

"""Clean up after runs that nobody is at any more: their live jobs, and blobs that have served their time."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Literal

from bes.client import BesClient
from bes.documents import BlobEntry, Documents
from bes.errors import Conflict, InputError, IntegrityError, RemoteError
from scoring.attempts import Attempt, AttemptState, ShardRecord
from scoring.finishing import Unfinished, unfinished
from scoring.journal import ROOT, Journal, RunRecord, RunState
from scoring.lease import Lease
from scoring.writer import Writer

logger = logging.getLogger(__name__)

_LEASE_SECONDS = 60
_DATA = ("input", "output")
"""What is large and can be made again. The journal stays, so that published work is never scored twice."""

LiveJobs = Literal["delete", "leave", "finish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRules:
    """What a sweep does.

    Args:
        live_jobs: Cancel the live jobs of abandoned runs; or leave them for whoever takes the work up again; or have
            the runs finished, of which those are left that cannot be.
        idle: For how long nothing must have been written about a run before it is taken for abandoned.
        keep: For how long the inputs and outputs of a run are kept; None keeps them for ever.
        endpoint: Workspace and service whose jobs can be cancelled or waited for.
        contracts_dir: Where the contracts of runs to finish are looked for by name.
        bytes_per_job: What this machine gives a job at most where a run does not say.
    """

    live_jobs: LiveJobs
    idle: timedelta
    keep: timedelta | None
    endpoint: tuple[str, str]
    contracts_dir: Path = Path("data/contracts")
    bytes_per_job: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found and did about one run.

    Args:
        outcome: What became of one that was to be finished.
        unfinished: What it is to be finished with.
    """

    run_key: str
    dataset: str
    found: str
    outcome: str = ""
    unfinished: Unfinished | None = None
    jobs_deleted: int = 0
    jobs_left: int = 0
    blobs_removed: int = 0
    bytes_removed: int = 0

    def ended(self, outcome: str) -> "Swept":
        """The same when it is known what became of it."""
        return replace(self, outcome=outcome, unfinished=None, jobs_left=0 if outcome == "finished" else self.jobs_left)

    @property
    def is_worth_telling(self) -> bool:
        """False for a run about which nothing was done nor is to be done."""
        return self.found not in ("published", "stopped", "scored", "in progress") or self.blobs_removed > 0


def sweep(documents: Documents, client: BesClient, *, rules: SweepRules, writer: Writer) -> Iterator[Swept]:
    """Look at every run in the container, and clean up what the rules say; tells about each run.

    Args:
        documents: The container.
        client: For the web service.
        rules: What to do.
        writer: This process, for those who meet it at a run.
    """
    # The listing is in the order of names, so the blobs of a run follow each other.
    for run_key, blobs in groupby(documents.names(ROOT), key=lambda blob: blob.name.split("/")[1]):
        yield _Sweeper(documents, client, rules, writer, run_key, list(blobs)).swept()


class _Sweeper:
    def __init__(
        self,
        documents: Documents,
        client: BesClient,
        rules: SweepRules,
        writer: Writer,
        run_key: str,
        blobs: list[BlobEntry],
    ) -> None:
        self._journal = Journal(documents, run_key)
        self._client = client
        self._rules = rules
        self._writer = writer
        self._blobs = blobs
        newest = max(blob.modified_at for blob in blobs)
        self._age = datetime.now(UTC) - newest

    def swept(self) -> Swept:
        try:
            found = self._journal.read_run()
        except IntegrityError as error:
            return self._told("", error.what)
        if found is None:
            return self._told("", "no run.json")
        record = found[0]
        if any(blob.is_leased for blob in self._blobs):
            return self._told(record.plan.contract, "in progress")
        is_abandoned = record.state is RunState.OPEN and self._age >= self._rules.idle
        is_old = self._rules.keep is not None and self._age >= self._rules.keep
        if not is_abandoned and not is_old:
            return self._told(record.plan.contract, record.state.value)
        return self._held(record, is_abandoned=is_abandoned, is_old=is_old)

    def _held(self, record: RunRecord, *, is_abandoned: bool, is_old: bool) -> Swept:
        lease = Lease(self._journal.documents, self._journal.run_name, seconds=_LEASE_SECONDS)
        if not lease.acquire():
            return self._told(record.plan.contract, "in progress")
        try:
            deleted = left = 0
            work, why_not = self._to_finish(record) if is_abandoned else (None, "")
            if is_abandoned:
                deleted, left = self._end_jobs(record, lease)
            removed = list(self._remove_data()) if is_old and not left and work is None else []
        except Conflict as error:
            return self._told(record.plan.contract, error.what)
        finally:
            lease.release()
        return Swept(
            run_key=record.run_key,
            dataset=record.plan.contract,
            found=f"abandoned by {record.writer}" if is_abandoned else record.state.value,
            outcome=why_not,
            unfinished=work,
            jobs_deleted=deleted,
            jobs_left=left,
            blobs_removed=len(removed),
            bytes_removed=sum(removed),
        )

    def _to_finish(self, record: RunRecord) -> tuple[Unfinished | None, str]:
        """What it is finished with, or why it is not."""
        if self._rules.live_jobs != "finish":
            return None, ""
        try:
            rules = self._rules
            work = unfinished(
                record, endpoint=rules.endpoint, contracts_dir=rules.contracts_dir, bytes_per_job=rules.bytes_per_job
            )
        except InputError as error:
            logger.warning("the abandoned run %s is not finished: %s", record.run_key, error)
            return None, str(error)
        return work, ""

    def _end_jobs(self, record: RunRecord, lease: Lease) -> tuple[int, int]:
        """How many live jobs were deleted, and how many were left."""
        found = self._journal.read_run()
        if found is None:
            return 0, 0
        is_ours = (record.plan.workspace, record.plan.service) == self._rules.endpoint
        deleted = left = 0
        for shard, etag in self._live_shards():
            if self._rules.live_jobs != "delete" or not is_ours or not self._end_job(shard, etag):
                left += 1
            else:
                deleted += 1
        # What could not be finished today may be tomorrow, when its files are there again.
        if not left and self._rules.live_jobs != "finish":
            changes = {"state": RunState.STOPPED, "cause": "abandoned; swept", "writer": self._writer}
            mine = found[0].model_copy(update={**changes, "updated_at": datetime.now(UTC)})
            self._journal.replace_run(mine, found[1], lease_id=lease.id)
        return deleted, left

    def _live_shards(self) -> Iterator[tuple[ShardRecord, str]]:
        for blob in self._blobs:
            _, _, kind, *name = blob.name.split("/")
            found = self._journal.read_shard(name[0].removesuffix(".json")) if kind == "shards" else None
            if found is not None and any(attempt.state.may_live for attempt in found[0].attempts):
                yield found

    def _end_job(self, record: ShardRecord, etag: str) -> bool:
        try:
            attempts = tuple(self._ended(attempt) for attempt in record.attempts)
        except RemoteError as error:
            logger.warning("a job of %s could not be cancelled: %s", self._journal.run_key, error)
            return False
        changes = {"attempts": attempts, "revision": record.revision + 1, "session": self._writer.session}
        self._journal.write_shard(record.model_copy(update=changes), etag)
        return True

    def _ended(self, attempt: Attempt) -> Attempt:
        if not attempt.state.may_live or attempt.job_id is None:
            return attempt
        self._client.delete(attempt.job_id)
        logger.info(
            "told the web service to cancel job %s of the abandoned run %s", attempt.job_id, self._journal.run_key
        )
        ended = {"state": AttemptState.CANCELLED, "cause": "the run was abandoned", "ended_at": datetime.now(UTC)}
        return attempt.model_copy(update=ended)

    def _remove_data(self) -> Iterator[int]:
        for blob in self._blobs:
            if blob.name.split("/")[2] in _DATA:
                self._journal.documents.delete(blob.name)
                yield blob.size_bytes

    def _told(self, dataset: str, found: str) -> Swept:
        return Swept(run_key=self._journal.run_key, dataset=dataset, found=found)

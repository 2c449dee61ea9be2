"""Open a run: find what the journal knows of the same work, become its one writer, or learn that it is done."""

import logging
from datetime import UTC, date, datetime

from bes.blobs import BlobStore
from bes.errors import Conflict, IntegrityError
from bes.settings import Connections
from scoring.journal import Journal, RunRecord, RunState, Source, WorkPlan, source
from scoring.lease import Lease
from scoring.meeting import Meeting
from scoring.open_run import OpenRun
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer

logger = logging.getLogger(__name__)


def open_run(
    plan: RunPlan,
    work: WorkPlan,
    connections: Connections,
    *,
    settings: RunSettings,
    writer: Writer,
    run_date: date,
    rescore: bool,
    stop: Stop,
) -> OpenRun:
    """The run of this plan, held by this process; or one that is published, which nobody needs to hold.

    Args:
        plan: What is sent.
        work: The same, as the journal keeps it.
        connections: The web service that scores, and the container.
        settings: Deadlines and limits, and whether to wait for another process.
        writer: This process.
        run_date: Under which the result is published, unless the journal already knows.
        rescore: Begin another generation of a published run.
        stop: Set when the run is given up.

    Raises:
        RunHeld: Another process is at the same work, and the settings say to leave or it takes too long.
        IntegrityError: The journal cannot be used, or the same work was planned otherwise.
    """
    store = BlobStore(connections.storage)
    try:
        store.ensure_container()
        journal = Journal(store.documents(), plan.run_key)
        opening = _Opening(journal, work, source(plan), settings, writer, run_date, rescore=rescore, stop=stop)
        record, etag, lease = opening.take()
        if lease is not None:
            plan.folder.discard_abandoned()
    except BaseException:
        store.close()
        raise
    return OpenRun(
        plan,
        settings,
        endpoint=connections.endpoint,
        store=store,
        journal=journal,
        record=(record, etag),
        lease=lease,
        stop=stop,
    )


class _Opening:
    def __init__(
        self,
        journal: Journal,
        work: WorkPlan,
        source: Source | None,
        settings: RunSettings,
        writer: Writer,
        run_date: date,
        *,
        rescore: bool,
        stop: Stop,
    ) -> None:
        self._journal = journal
        self._work = work
        self._source = source
        self._settings = settings
        self._writer = writer
        self._run_date = run_date
        self._rescore = rescore
        self._meeting = Meeting(journal, settings, stop)

    def take(self) -> tuple[RunRecord, str, Lease | None]:
        while True:
            record, etag = self._read_or_make()
            if record.state is RunState.PUBLISHED and not self._rescore:
                logger.info("this work was published before, as %s; --rescore scores it again", record.published)
                return record, etag, None
            lease = Lease(self._journal.documents, self._journal.run_name, seconds=self._settings.lease_seconds)
            if not lease.acquire():
                self._meeting.meet(record, etag)
                continue
            taken = self._enter(lease)
            if taken is not None:
                return *taken, lease
            lease.release()

    def _read_or_make(self) -> tuple[RunRecord, str]:
        found = self._journal.read_run()
        if found is not None:
            self._require_same_work(found[0])
            return found
        now = datetime.now(UTC)
        record = RunRecord(
            run_key=self._journal.run_key,
            plan=self._work,
            run_date=self._run_date,
            writer=self._writer,
            lease_seconds=self._settings.lease_seconds,
            created_at=now,
            updated_at=now,
            source=self._source,
        )
        try:
            return record, self._journal.create_run(record)
        except Conflict:
            logger.debug("another process began %s at the same moment", self._journal.run_key)
            return self._read_or_make()

    def _enter(self, lease: Lease) -> tuple[RunRecord, str] | None:
        # What was read before the lease was taken may be out of date: another may have published meanwhile.
        record, etag = self._read_or_make()
        if record.state is RunState.PUBLISHED and not self._rescore:
            return None
        changes: dict[str, object] = {"writer": self._writer, "updated_at": datetime.now(UTC)}
        changes |= {"lease_seconds": self._settings.lease_seconds, "source": self._source}
        if record.state is RunState.PUBLISHED:
            changes |= {"generation": record.generation + 1, "published": None, "run_date": self._run_date}
        elif record.writer.session != self._writer.session:
            logger.info("this work was begun before (%s); it goes on where it stands", record.writer)
        mine = record.model_copy(update={**changes, "state": RunState.OPEN, "cause": None})
        try:
            return mine, self._journal.replace_run(mine, etag, lease_id=lease.id)
        except Conflict:
            return None

    def _require_same_work(self, record: RunRecord) -> None:
        if record.plan == self._work:
            return
        differing = [name for name in WorkPlan.model_fields if getattr(record.plan, name) != getattr(self._work, name)]
        raise IntegrityError(
            f"The run {record.run_key} was planned otherwise when it was begun: {', '.join(differing)} differ.",
            "Nothing was overwritten. Give another --rows-per-job, which makes it another run, or use the release that"
            " began it.",
        )

"""Requeue mended rows of a published run: take it up, have the rows scored as any others, publish the run anew."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from bes.blobs import BlobStore
from bes.errors import InputError
from bes.files import sha256_of
from bes.settings import Connections, EndpointSettings
from scoring.contract.loading import load_contract
from scoring.gates.judging import judge_output, leave_evidence
from scoring.gates.settings import GOLDEN, GateSettings
from scoring.journal import RunState, work_plan
from scoring.manifest import Manifest
from scoring.open_run import OpenRun
from scoring.opening import open_run
from scoring.plan import Outcome, RunFolder
from scoring.publishing import job_entries
from scoring.requeue.base import (
    Base,
    as_mended,
    cells_by_place,
    check_again,
    fetch_base,
    require_same_work,
)
from scoring.requeue.fixed import read_changes
from scoring.requeue.held import HeldRun, hold_published
from scoring.requeue.merging import Merged, merge_mended
from scoring.requeue.planning import MendedWork, plan_work
from scoring.requeue.republishing import fetch_requeued, finish_begun, publish_merged
from scoring.requeue.summary import RequeueSummary
from scoring.requeue.uniqueness import require_unique
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.version_files import PREDICTIONS
from scoring.versions import other_latest
from scoring.writer import Writer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for.

    Args:
        run_key: The published run.
        fixed: Its quarantine, or a part of it, with some of its records mended.
        contract: Name or path of its contract; None for the name that the run knows.
        also_unchanged: Requeue the records of the file that were not changed as well.
    """

    run_key: str
    fixed: Path
    contract: str | None = None
    also_unchanged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Requeue:
    """A run that is held, and what is to be added to it.

    Args:
        folder: Of the run on this machine.
        base: The version that rows are added to.
        work: The mended rows; None when the version holds them already.
        run: Their journal; None likewise.
    """

    held: HeldRun
    folder: RunFolder
    base: Base
    fixed_sha256: str
    work: MendedWork | None = None
    run: OpenRun | None = None

    def close(self) -> None:
        """Give both leases back, and remove the working files. Harmless twice."""
        if self.run is not None:
            self.run.close()
            self.run.plan.folder.discard_work()
        self.held.close()
        self.folder.discard_work()


def take_up(
    order: Order,
    *,
    connections: Connections,
    settings: RunSettings,
    writer: Writer,
    stop: Stop,
) -> Requeue:
    """Hold the run, finish what another process has left, and plan what is scored.

    Args:
        order: What is asked for.
        connections: The web service, which must be the run's, and the container of all runs.
        settings: Folders and limits.
        writer: This process.
        stop: Set when the work is given up.

    Raises:
        InputError: The run, the file, the contract, an input or every mended row is refused; nothing was sent.
        RunHeld: Another process is at the run, and the settings say to leave or it takes too long.
    """
    if not order.fixed.is_file():
        raise InputError(f"There is no file {str(order.fixed)!r}.", "Name a copy of the run's quarantine.csv.")
    folder = RunFolder(path=(settings.data_dir / order.run_key).resolve(), attempt=writer.session)
    store = BlobStore(connections.storage)
    try:
        held = hold_published(order.run_key, store, settings=settings, writer=writer, stop=stop)
    except BaseException:
        store.close()
        raise
    try:
        finish_begun(held)
        folder.work.mkdir(parents=True, exist_ok=True)
        fixed_sha256 = sha256_of(order.fixed)
        base = fetch_base(held, folder.work)
        requeue = Requeue(held=held, folder=folder, base=base, fixed_sha256=fixed_sha256)
        if fixed_sha256 in {step.fixed_sha256 for step in base.manifest.requeued_from}:
            logger.info("%s holds the rows of this file already", base.folder)
            return requeue
        work = _plan(order, requeue, settings, connections.endpoint)
        run = _open(work, requeue, connections, settings, writer, stop)
    except BaseException:
        held.close()
        folder.discard_work()
        raise
    return Requeue(held=held, folder=folder, base=base, fixed_sha256=fixed_sha256, work=work, run=run)


def _plan(order: Order, requeue: Requeue, settings: RunSettings, endpoint: EndpointSettings) -> MendedWork:
    base, record = requeue.base, requeue.held.record
    changes = read_changes(order.fixed, base.quarantined, published=base.folder, also_unchanged=order.also_unchanged)
    contract = load_contract(order.contract or record.plan.contract, settings.contracts_dir)
    require_same_work(base, contract, endpoint)
    requeue.held.check()
    files, docs_index = check_again(base, contract, folder=requeue.folder)
    work = plan_work(
        changes,
        base,
        contract,
        files,
        folder=requeue.folder,
        rows_per_job=record.plan.rows_per_job,
        bytes_per_job=record.plan.bytes_per_job,
        data_docs_index=docs_index,
    )
    (mended,) = work.plan.accepted
    scored = as_mended(files, base.quarantined, cells_by_place(base.mended, contract))
    require_unique(mended, work.rows, scored, contract)
    return work


def _open(
    work: MendedWork,
    requeue: Requeue,
    connections: Connections,
    settings: RunSettings,
    writer: Writer,
    stop: Stop,
) -> OpenRun:
    record = requeue.held.record
    requeue.held.check()
    return open_run(
        work.plan,
        work_plan(
            work.plan,
            workspace=record.plan.workspace,
            service=record.plan.service,
            rows_per_job=record.plan.rows_per_job,
            bytes_per_job=record.plan.bytes_per_job,
        ),
        connections,
        settings=settings,
        writer=writer,
        run_date=record.run_date,
        rescore=False,
        stop=stop,
    )


def merge(requeue: Requeue, outcome: Outcome) -> Merged:
    """The next version, written aside, with books that balance; its rows' own journal is done.

    Raises:
        IntegrityError: A row is not accounted for; names it.
        InputError: An input file has changed meanwhile.
    """
    work, run = _required(requeue)
    merged = merge_mended(
        requeue.held,
        requeue.base,
        work,
        outcome,
        jobs=job_entries(run, outcome.scored),
        folder=requeue.folder,
        fixed_sha256=requeue.fixed_sha256,
    )
    run.check()
    run.change(state=RunState.SCORED, cause=f"added to the rows of {requeue.base.folder}")
    return merged


def publish(requeue: Requeue, merged: Merged, gates: GateSettings) -> Manifest:
    """Publish the run anew; returns the manifest of the new version.

    The gates are asked again and stop nothing: what the run consists of was let through when it was published.
    """
    work, run = _required(requeue)
    held, manifest = requeue.held, requeue.base.manifest
    judged = judge_output(
        merged.folder / PREDICTIONS,
        n_kept=work.plan.n_kept,
        n_scored=merged.books.n_scored,
        documents=held.journal.documents,
        dataset=manifest.contract,
        run_key=manifest.run_key,
        settings=gates.never_stopping(),
    )
    golden = [result for result in manifest.gates if result.name in GOLDEN]
    judged = replace(judged, results=(*golden, *judged.results))
    leave_evidence(requeue.folder, judged.results, run_key=manifest.run_key, last=judged.last)
    return publish_merged(held, requeue.base, work, merged, judged, folder=requeue.folder, endpoint=run.endpoint)


def fetch(requeue: Requeue) -> Manifest:
    """Bring the version home that holds the rows already; returns its manifest."""
    return fetch_requeued(requeue.held, requeue.base, folder=requeue.folder)


def summarise(requeue: Requeue, manifest: Manifest) -> RequeueSummary:
    """What became of the rows, from the manifest of the version that holds them."""
    folder = requeue.folder
    step = next(step for step in manifest.requeued_from if step.fixed_sha256 == requeue.fixed_sha256)
    return RequeueSummary(
        run_key=manifest.run_key,
        status=manifest.status,
        n_input=manifest.n_input,
        n_scored=manifest.n_scored,
        n_quarantined=manifest.n_quarantined,
        n_refused=manifest.n_refused,
        n_failed=manifest.n_failed,
        n_jobs=len(step.jobs),
        duration_seconds=manifest.duration_seconds,
        predictions=folder.predictions,
        quarantine=folder.quarantine,
        manifest=folder.manifest,
        data_docs=Path(manifest.data_docs),
        report=folder.report if folder.report.is_file() else None,
        n_requeued=step.n_rows,
        n_refused_again=step.n_refused_again,
        published=manifest.published or "",
        latest=other_latest(requeue.held.journal.documents, manifest.contract, manifest.published),
    )


def _required(requeue: Requeue) -> tuple[MendedWork, OpenRun]:
    if requeue.work is None or requeue.run is None:
        raise RuntimeError(f"there is nothing to requeue into {requeue.base.folder!r}")
    return requeue.work, requeue.run

"""Publishes a run anew: what was written aside, then the manifest, which decides; then the pointer, then the journal.

Killed before the manifest, nothing has happened. Killed after it, the next one who holds the run goes on from there.
"""

import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

from bes.files import replacing, sha256_of
from bes.settings import EndpointSettings
from scoring.counted import counted
from scoring.gates.judging import Judged
from scoring.last_good import put_profile
from scoring.manifest import Manifest
from scoring.plan import RunFolder
from scoring.report.occasions import HTML, REPORT, report_of_requeued, wrote_report
from scoring.requeue.base import Base
from scoring.requeue.held import HeldRun
from scoring.requeue.merging import Merged
from scoring.requeue.planning import MendedWork
from scoring.version_files import (
    MENDED,
    PREDICTIONS,
    QUARANTINE,
    fetch_predictions,
    fetch_report,
    put_file,
    put_manifest,
    version_of,
)
from scoring.versions import put_after, read_manifest, version_folder

logger = logging.getLogger(__name__)


def finish_begun(held: HeldRun) -> None:
    """Go on with a version whose manifest is written and that a process left before readers could find it."""
    folder = _claimed(held)
    if folder == held.record.published:
        return
    manifest = read_manifest(held.journal.documents, folder)
    if manifest is not None:
        logger.info("%s was begun before and is finished now", folder)
        _reveal(held, manifest, folder)


def _claim(held: HeldRun, base: Base) -> str:
    """The folder of the next version, which no other generation of the run can take from now on.

    The run stays published as it is: readers and `run` have the version before until the new one is whole.
    """
    folder = _claimed(held)
    if folder == held.record.published or held.record.run_date != base.manifest.run_date:
        held.change(generation=held.record.generation + 1, run_date=base.manifest.run_date)
    return _claimed(held)


def publish_merged(
    held: HeldRun,
    base: Base,
    work: MendedWork,
    merged: Merged,
    judged: Judged,
    *,
    folder: RunFolder,
    endpoint: EndpointSettings,
) -> Manifest:
    """Publish what was merged, and bring it home.

    Args:
        held: The run.
        base: The version that rows were added to.
        work: The mended rows.
        merged: What was written aside and checked.
        judged: What the gates say of it.
        folder: Of the run.
        endpoint: The web service that scored the rows.
    """
    place = _claim(held, base)
    for name in (PREDICTIONS, QUARANTINE, MENDED):
        put_file(held, merged.folder / name, f"{place}/{name}")
    manifest = _manifest(held, base, work, merged, endpoint, place).model_copy(update={"gates": judged.results})
    report = merged.folder / REPORT
    if wrote_report(lambda: report_of_requeued(manifest, merged.folder / QUARANTINE, judged), report):
        put_file(held, report, f"{place}/{REPORT}", content_type=HTML)
    held.check()
    put_profile(held.journal.documents, place, judged.profile)
    put_manifest(held.journal.documents, place, manifest)
    _reveal(held, manifest, place)
    with replacing(folder.predictions) as part:
        shutil.copyfile(merged.folder / PREDICTIONS, part)
    fetch_report(held.store, place, folder.report)
    return _at_home(manifest, folder, merged.folder / QUARANTINE)


def fetch_requeued(held: HeldRun, base: Base, *, folder: RunFolder) -> Manifest:
    """Bring a version home that holds the rows already.

    Raises:
        IntegrityError: It is not what its manifest says.
    """
    fetch_predictions(held.store, base.folder, base.manifest, folder.predictions)
    fetch_report(held.store, base.folder, folder.report)
    return _at_home(base.manifest, folder, base.quarantine_path)


def _claimed(held: HeldRun) -> str:
    record = held.record
    return version_folder(record.plan.contract, record.run_date, record.run_key, record.generation)


def _reveal(held: HeldRun, manifest: Manifest, folder: str) -> None:
    """Let readers find a version that is whole."""
    held.check()
    put_after(
        held.journal.documents,
        manifest.contract,
        version_of(manifest, folder),
        before=manifest.requeued_from[-1].folder,
    )
    held.change(published=folder)
    logger.info("published %s as %s", counted(manifest.n_scored, "row"), folder)


def _manifest(
    held: HeldRun, base: Base, work: MendedWork, merged: Merged, endpoint: EndpointSettings, place: str
) -> Manifest:
    ended_at = datetime.now(UTC)
    books, started_at = merged.books, work.plan.started_at
    return base.manifest.model_copy(
        update={
            "endpoint": endpoint.url or "",
            "n_scored": books.n_scored,
            "n_quarantined": books.n_quarantined,
            "n_refused": books.n_refused,
            "n_failed": books.n_failed,
            "started_at": started_at,
            "ended_at": ended_at,
            "duration_seconds": round((ended_at - started_at).total_seconds(), 3),
            "data_docs": str(work.data_docs_index),
            "predictions_sha256": sha256_of(merged.folder / PREDICTIONS),
            "generation": held.record.generation,
            "published": place,
            "requeued_from": (*base.manifest.requeued_from, merged.step),
        }
    )


def _at_home(manifest: Manifest, folder: RunFolder, quarantine: Path) -> Manifest:
    mine = manifest.model_copy(update={"predictions": str(folder.predictions), "quarantine": str(folder.quarantine)})
    mine.write(folder.manifest)
    # Last: the rows may have been mended in this very file, and until all is home the same command must find them.
    with replacing(folder.quarantine) as part:
        shutil.copyfile(quarantine, part)
    return mine

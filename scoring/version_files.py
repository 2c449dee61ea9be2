"""The files of a published version: put into its folder one by one, the manifest last, and brought home from it."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from bes.blobs import BlobStore
from bes.documents import Documents
from bes.errors import IntegrityError, NotFound
from bes.uploads import content_of
from scoring.journal import Journal
from scoring.manifest import Manifest
from scoring.report.occasions import REPORT
from scoring.versions import Version

logger = logging.getLogger(__name__)

PREDICTIONS: Final = "predictions.csv"
QUARANTINE: Final = "quarantine.csv"
MENDED: Final = "mended.csv"
MANIFEST: Final = "manifest.json"


class Holder(Protocol):
    """A run that this process holds."""

    store: BlobStore
    journal: Journal

    def check(self) -> None:
        """Asked before each remote effect."""


def put_file(holder: Holder, path: Path, name: str, *, content_type: str = "text/csv") -> None:
    """Upload a file of a version that has no manifest yet."""
    holder.check()
    try:
        holder.store.upload(content_of(path), name, content_type=content_type)
    except IntegrityError:
        # Left by an execution that ended before its manifest, so that nobody reads it.
        holder.journal.documents.delete(name)
        holder.store.upload(content_of(path), name, content_type=content_type)


def put_manifest(documents: Documents, folder: str, manifest: Manifest) -> None:
    """Make a version whole: from now on it counts."""
    documents.create(f"{folder}/{MANIFEST}", manifest.model_dump_json(indent=2).encode() + b"\n")


def fetch_predictions(store: BlobStore, folder: str, manifest: Manifest, path: Path) -> None:
    """Bring the predictions of a version home.

    Raises:
        IntegrityError: They are not what its manifest says.
    """
    predictions = store.download(f"{folder}/{PREDICTIONS}", path)
    if predictions.sha256 != manifest.predictions_sha256:
        raise IntegrityError(
            f"{predictions.name!r} is not what its manifest says.",
            "Run with --rescore, which publishes another version.",
        )


def fetch_report(store: BlobStore, folder: str, path: Path) -> None:
    """Bring the report of a version home, where it has one."""
    try:
        store.download(f"{folder}/{REPORT}", path)
    except NotFound:
        logger.info("%s has no report", folder)


def version_of(manifest: Manifest, folder: str) -> Version:
    """How the pointer of a data set names a version."""
    if manifest.run_date is None:
        raise RuntimeError(f"the manifest of {folder!r} has no date")
    return Version(
        run_key=manifest.run_key,
        generation=manifest.generation,
        run_date=manifest.run_date,
        folder=folder,
        predictions_sha256=manifest.predictions_sha256,
        n_scored=manifest.n_scored,
        published_at=datetime.now(UTC),
    )

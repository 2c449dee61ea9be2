"""The version that mended rows are added to, as it was published, and the inputs that it was made from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bes.errors import ConfigurationError, InputError, IntegrityError
from bes.files import sha256_of
from bes.settings import EndpointSettings
from scoring.contract.check import check_input
from scoring.contract.model import Contract
from scoring.contract.reading.accepted import CheckedFile
from scoring.counted import be, counted
from scoring.manifest import Manifest
from scoring.plan import RunFolder
from scoring.requeue.held import HeldRun
from scoring.requeue.mended import Cells, MendedFile, MendedRow, Refusal, cells_of, read_rows
from scoring.requeue.quarantined import Quarantined
from scoring.validation import digest_of
from scoring.version_files import MENDED, QUARANTINE
from scoring.versions import read_latest, read_manifest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """A published version, brought home for work.

    Args:
        folder: Of the version, in the container.
        quarantine_path: Its quarantine.
        quarantined: The records in that.
        mended: Rows that were mended for it, or for versions that it was made from.
    """

    folder: str
    manifest: Manifest
    quarantine_path: Path
    quarantined: Quarantined
    mended: tuple[MendedRow, ...]

    @property
    def scored_generation(self) -> int:
        """The generation in which the run itself was scored, before any rows were requeued."""
        history = self.manifest.requeued_from
        return history[0].generation if history else self.manifest.generation


def base_folder(held: HeldRun) -> str:
    """The version of the run that readers have; the newest one when they have none."""
    record = held.record
    latest = read_latest(held.journal.documents, record.plan.contract)
    for version in (latest.current, *reversed(latest.history)) if latest else ():
        if version.run_key == record.run_key:
            if version.folder != record.published:
                logger.info("%s was rolled back; rows are added to %s", record.published, version.folder)
            return version.folder
    return record.published or ""


def fetch_base(held: HeldRun, work: Path) -> Base:
    """Bring home what is needed of the version that rows are added to.

    Raises:
        IntegrityError: It is not what its manifest says.
    """
    folder = base_folder(held)
    manifest = read_manifest(held.journal.documents, folder)
    if manifest is None:
        raise IntegrityError(
            f"The run {held.record.run_key!r} is published as {folder!r}, but no manifest is there.",
            "Run it with --rescore, which publishes another version.",
        )
    quarantine_path = work / "published-quarantine.csv"
    held.store.download(f"{folder}/{QUARANTINE}", quarantine_path)
    quarantined = Quarantined(quarantine_path)
    if quarantined.n_records != manifest.n_quarantined:
        raise IntegrityError(
            f"The quarantine of {folder!r} holds {counted(quarantined.n_records, 'record')} instead of"
            f" {manifest.n_quarantined:,}.",
            "Somebody has written it since. Run with --rescore, which publishes another version.",
        )
    mended: tuple[MendedRow, ...] = ()
    if manifest.requeued_from:
        held.store.download(f"{folder}/{MENDED}", work / "published-mended.csv")
        mended = tuple(read_rows(work / "published-mended.csv"))
    return Base(
        folder=folder, manifest=manifest, quarantine_path=quarantine_path, quarantined=quarantined, mended=mended
    )


def require_same_work(base: Base, contract: Contract, endpoint: EndpointSettings) -> None:
    """Refuse rows that could not be scored and placed as those beside them were.

    Raises:
        InputError: The contract or an input file has changed since, or is gone.
        ConfigurationError: The settings name another web service.
    """
    manifest = base.manifest
    if (endpoint.workspace, endpoint.service) != (manifest.workspace, manifest.service):
        raise ConfigurationError(
            f"The run {manifest.run_key!r} was scored by the web service {manifest.service!r} of the workspace"
            f" {manifest.workspace!r}, and the settings name {endpoint.service!r} of {endpoint.workspace!r}.",
            "Set BATCH_SCORING_ENDPOINT_WORKSPACE and BATCH_SCORING_ENDPOINT_SERVICE to those of the run.",
        )
    if digest_of(contract) != manifest.contract_sha256:
        raise InputError(
            f"The contract {contract.name!r} is not the one of the run {manifest.run_key!r}: it has changed since.",
            "Put the contract back as it was, or run the whole input again under the one that it is now.",
        )
    for file in manifest.inputs:
        path = Path(file.path)
        if not path.is_file() or sha256_of(path) != file.sha256:
            how = "has changed since" if path.is_file() else "is gone"
            raise InputError(
                f"The input file {file.path!r} of the run {manifest.run_key!r} {how}; it tells the places of the rows.",
                "Put it back as it was; mend rows in the quarantine and not in the input.",
            )


def check_again(base: Base, contract: Contract, *, folder: RunFolder) -> tuple[list[CheckedFile], Path]:
    """The run's input files, checked as they were before; and the first page of the Data Docs.

    Raises:
        IntegrityError: Rows are refused now that were scored then.
    """
    checked = check_input(
        [Path(file.path) for file in base.manifest.inputs],
        contract,
        docs_dir=folder.data_docs,
        quarantine_path=folder.work / "checked-quarantine.csv",
        run_name=folder.attempt,
    )
    placed = as_mended([file.file for file in checked.files], base.quarantined, cells_by_place(base.mended, contract))
    for before, now in zip(placed, checked.files, strict=True):
        not_scored = np.union1d(before.rejected, np.array(list(before.mended), dtype=np.int64))
        refused = np.setdiff1d(now.rejected, not_scored)
        if len(refused):
            raise IntegrityError(
                f"{counted(len(refused), 'record')} of {now.file.name!r}, scored for {base.folder!r},"
                f" {be(len(refused))} refused now: the first is {refused[0]}.",
                "Nothing was published. Requeue with the release that published the run.",
            )
    return [file.file for file in checked.files], checked.docs_index


def cells_by_place(rows: Sequence[MendedRow], contract: Contract) -> dict[str, dict[int, Cells]]:
    """The cells of rows that are records of the contract, by file and record."""
    cells: dict[str, dict[int, Cells]] = {}
    for row in rows:
        found = cells_of(row.raw, contract)
        if isinstance(found, Refusal):
            raise IntegrityError(f"{row.file!r}, record {row.record}: {found.message}.", "Nothing was published.")
        cells.setdefault(row.file, {})[row.record] = found
    return cells


def as_mended(
    files: Sequence[CheckedFile], quarantined: Quarantined, cells: dict[str, dict[int, Cells]]
) -> tuple[MendedFile, ...]:
    """The rows of a version: all of its input but what is quarantined, some of them mended."""
    return tuple(
        MendedFile(file=file, rejected=quarantined.numbers(file.name), mended=cells.get(file.name, {}))
        for file in files
    )

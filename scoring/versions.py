"""The published versions of a dataset: `published/<dataset>/latest.json` points at one of them and knows the others."""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime

from bes.documents import Documents
from bes.errors import Conflict, InputError, ScoringError
from scoring.attempts import SCHEMA_VERSION, Record
from scoring.journal import as_bytes, parse
from scoring.manifest import Manifest

logger = logging.getLogger(__name__)

_TRIES = 20
"""Others may publish the same dataset at the same moment; so many of them do not."""


class Version(Record):
    """One published result. It is never changed.

    Args:
        folder: Holds predictions.csv, quarantine.csv, report.html and manifest.json; and mended.csv where rows were
            requeued.
    """

    run_key: str
    generation: int
    run_date: date
    folder: str
    predictions_sha256: str
    n_scored: int
    published_at: datetime


class Latest(Record):
    """The pointer of a dataset.

    Args:
        current: The version to read.
        history: Those that were current before, oldest first; where a rollback leads.
        withdrawn: Those that were rolled back, and those of earlier dates that were never current.
    """

    schema_version: int = SCHEMA_VERSION
    dataset: str
    current: Version
    history: tuple[Version, ...] = ()
    withdrawn: tuple[Version, ...] = ()
    moved_at: datetime

    @property
    def versions(self) -> tuple[Version, ...]:
        """All that were ever published."""
        return (*self.history, self.current, *self.withdrawn)


def latest_name(dataset: str) -> str:
    """The blob that points at the current version."""
    return f"published/{dataset}/latest.json"


def version_folder(dataset: str, run_date: date, run_key: str, generation: int) -> str:
    """Folder of one version."""
    return f"published/{dataset}/{run_date.isoformat()}/{run_key}-g{generation}"


def read_latest(documents: Documents, dataset: str) -> Latest | None:
    """What is published; None when nothing ever was."""
    found = documents.read(latest_name(dataset))
    return None if found is None else parse(Latest, found)


def other_latest(documents: Documents, dataset: str, folder: str | None) -> str | None:
    """Folder of the version that readers have, where it is not this one; None also where the storage does not tell."""
    try:
        latest = read_latest(documents, dataset)
    except ScoringError as problem:
        logger.info("which version of %s is the latest is not told: %s", dataset, problem.what)
        return None
    return latest.current.folder if latest and latest.current.folder != folder else None


def read_manifest(documents: Documents, folder: str) -> Manifest | None:
    """The manifest of a version; None when that is not whole, and nobody has seen it."""
    found = documents.read(f"{folder}/manifest.json")
    return None if found is None else Manifest.model_validate_json(found.content)


def rows_by_date(latest: Latest | None) -> dict[date, int]:
    """Scored rows in the newest version of each run date that was ever published."""
    versions = sorted(latest.versions, key=lambda version: version.published_at) if latest else []
    return {version.run_date: version.n_scored for version in versions}


def point_to(documents: Documents, dataset: str, version: Version) -> Latest:
    """Make a version the current one, unless it was published before or a later date is current."""

    def move(latest: Latest | None) -> Latest | None:
        now = datetime.now(UTC)
        if latest is None:
            return Latest(dataset=dataset, current=version, moved_at=now)
        if version.folder in {known.folder for known in latest.versions}:
            return None
        if version.run_date < latest.current.run_date:
            logger.info("%s stays the latest of %s: its date is later", latest.current.folder, dataset)
            return latest.model_copy(update={"withdrawn": (*latest.withdrawn, version), "moved_at": now})
        history = (*latest.history, latest.current)
        return latest.model_copy(update={"current": version, "history": history, "moved_at": now})

    return _move(documents, dataset, move)


def put_after(documents: Documents, dataset: str, version: Version, *, before: str) -> Latest:
    """Make a version the current one if the one that it was made from is; otherwise it stands behind that one.

    So mended rows of an older run never take the place of a newer run.

    Args:
        version: The new one; nothing happens when it was published before.
        before: Folder of the one that it was made from.
    """

    def move(latest: Latest | None) -> Latest | None:
        now = datetime.now(UTC)
        if latest is None:
            return Latest(dataset=dataset, current=version, moved_at=now)
        if version.folder in {known.folder for known in latest.versions}:
            return None
        if latest.current.folder == before:
            history = (*latest.history, latest.current)
            return latest.model_copy(update={"current": version, "history": history, "moved_at": now})
        logger.info("%s stays the latest of %s: %s was not", latest.current.folder, dataset, before)
        places = [known.folder for known in latest.history]
        if before not in places:
            return latest.model_copy(update={"withdrawn": (*latest.withdrawn, version), "moved_at": now})
        at = places.index(before) + 1
        history = (*latest.history[:at], version, *latest.history[at:])
        return latest.model_copy(update={"history": history, "moved_at": now})

    return _move(documents, dataset, move)


def roll_back(documents: Documents, dataset: str, *, if_latest: str | None = None) -> Latest:
    """Point at the version before the current one again.

    Args:
        documents: The container.
        dataset: Name of the contract.
        if_latest: Folder or run of the version that must be the current one; None for whichever is.

    Raises:
        InputError: Nothing is published, nothing was before, or another version is the current one.
    """

    def move(latest: Latest | None) -> Latest:
        if latest is None:
            raise InputError(f"Nothing is published for the dataset {dataset!r}.", "Check its name, and the storage.")
        if if_latest not in (None, latest.current.folder, latest.current.run_key):
            raise InputError(
                f"The latest version of {dataset!r} is {latest.current.folder!r}, and not {if_latest!r}.",
                "Nothing was changed; it may have been rolled back before.",
            )
        if not latest.history:
            raise InputError(
                f"{latest.current.folder!r} is the only version of {dataset!r}.", "There is none to go back to."
            )
        return latest.model_copy(
            update={
                "current": latest.history[-1],
                "history": latest.history[:-1],
                "withdrawn": (*latest.withdrawn, latest.current),
                "moved_at": datetime.now(UTC),
            }
        )

    return _move(documents, dataset, move)


def _move(documents: Documents, dataset: str, change: Callable[[Latest | None], Latest | None]) -> Latest:
    name = latest_name(dataset)
    for _ in range(_TRIES):
        found = documents.read(name)
        before = None if found is None else parse(Latest, found)
        after = change(before)
        if after is None and before is not None:
            return before
        if after is None:
            raise RuntimeError(f"{name!r} was to be moved from nothing to nothing")
        try:
            if found is None:
                documents.create(name, as_bytes(after))
            else:
                documents.replace(name, as_bytes(after), found.etag)
        except Conflict:
            continue
        return after
    raise Conflict(
        f"{name!r} is written by others all the time.", "The version is published; run again to point at it."
    )

"""The last good run of a dataset: the one whose published version readers have now."""

import logging
from dataclasses import dataclass

from pydantic import ValidationError

from bes.documents import Documents
from scoring.manifest import Manifest
from scoring.output_profile import OutputProfile
from scoring.versions import Version, read_latest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastGood:
    """What a run is compared with.

    Args:
        profile: None for versions of releases that took none.
    """

    version: Version
    manifest: Manifest
    profile: OutputProfile | None


def profile_name(folder: str) -> str:
    """The blob that holds the profile of a version's output columns."""
    return f"{folder}/profile.json"


def put_profile(documents: Documents, folder: str, profile: OutputProfile) -> None:
    """Put the profile into the folder of a version that has no manifest yet, so that nobody reads it."""
    name = profile_name(folder)
    # An execution that ended before its manifest may have left one.
    documents.delete(name)
    documents.create(name, profile.model_dump_json().encode())


def last_good(documents: Documents, dataset: str, *, other_than: str = "") -> LastGood | None:
    """The current version of a dataset, or the one before it where that is of the run itself; None when there is none.

    Versions that were rolled back are not good, so they are never taken.

    Args:
        documents: The container.
        dataset: Name of the contract.
        other_than: Key of the run itself.
    """
    latest = read_latest(documents, dataset)
    for version in (latest.current, *reversed(latest.history)) if latest else ():
        if version.run_key == other_than:
            continue
        found = documents.read(f"{version.folder}/manifest.json")
        if found is not None:
            return _read(documents, version, found.content)
        logger.warning("the published version %s has no manifest any more; one before it is looked at", version.folder)
    return None


def _read(documents: Documents, version: Version, content: bytes) -> LastGood | None:
    try:
        manifest = Manifest.model_validate_json(content)
        found = documents.read(profile_name(version.folder))
        profile = None if found is None else OutputProfile.model_validate_json(found.content)
    except ValidationError as error:
        # Another release wrote it, or somebody else. No run fails for want of something to be compared with.
        logger.warning(
            "nothing is compared with %s: its %s cannot be read (%d problems)",
            version.folder,
            error.title,
            error.error_count(),
        )
        return None
    return LastGood(version=version, manifest=manifest, profile=profile)

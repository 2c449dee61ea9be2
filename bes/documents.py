"""Small JSON blobs that several processes may want to write: each write states what it replaces, so none is lost."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, ContainerClient, ContentSettings

from bes.errors import Conflict
from bes.storage_errors import storage_errors
from bes.transfers import until_whole

_JSON = ContentSettings(content_type="application/json")
_NOW_SECONDS = 0
"""A lease that is broken ends at once, not at the end of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A blob as it was read. `etag` names this very version of it."""

    name: str
    content: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobEntry:
    """A line of a listing."""

    name: str
    size_bytes: int
    modified_at: datetime
    is_leased: bool


class Documents:
    """The JSON blobs of one container.

    Args:
        container: Where they lie.
        place: Its address, for messages.
    """

    def __init__(self, container: ContainerClient, place: str) -> None:
        self._container = container
        self.place = place

    def read(self, name: str) -> Document | None:
        """The blob as it stands; None when there is none."""
        with self._errors(name):
            try:
                return until_whole(lambda: self._fetch(name), name)
            except ResourceNotFoundError:
                return None

    def create(self, name: str, content: bytes) -> str:
        """Write a blob that does not exist yet; returns its etag.

        Raises:
            Conflict: It exists with other content.
        """
        return self._write(name, content, {"match_condition": MatchConditions.IfMissing})

    def replace(self, name: str, content: bytes, etag: str, *, lease_id: str | None = None) -> str:
        """Write a blob in place of the version that `etag` names; returns the new etag.

        Raises:
            Conflict: It is another version by now, or the lease on it is another's.
        """
        condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        return self._write(name, content, {**condition, "lease": lease_id} if lease_id else condition)

    def _write(self, name: str, content: bytes, condition: dict[str, Any]) -> str:
        blob = self._container.get_blob_client(name)
        with self._errors(name):
            try:
                options = {"overwrite": True, "validate_content": "md5", "content_settings": _JSON, **condition}
                written = until_whole(lambda: blob.upload_blob(content, **options), name)
                return str(written["etag"])
            except (ResourceExistsError, ResourceModifiedError, HttpResponseError) as error:
                if error.status_code not in (409, 412):
                    raise
                # When only the answer to our own write was lost, its repetition is what failed.
                there = self.read(name)
                if there is not None and there.content == content:
                    return there.etag
                raise Conflict(
                    f"Another process has written {name!r} meanwhile.", "Nothing was overwritten. Run again."
                ) from error

    def names(self, prefix: str) -> Iterator[BlobEntry]:
        """All blobs whose names begin with `prefix`, by name."""
        with self._errors(prefix):
            for blob in self._container.list_blobs(name_starts_with=prefix):
                leased = blob.lease is not None and blob.lease.state == "leased"
                yield BlobEntry(name=blob.name, size_bytes=blob.size, modified_at=blob.last_modified, is_leased=leased)

    def delete(self, name: str) -> None:
        """Remove a blob; harmless when it is gone."""
        with self._errors(name):
            try:
                self._container.delete_blob(name)
            except ResourceNotFoundError:
                return

    def acquire_lease(self, name: str, lease_id: str, seconds: int) -> bool:
        """Take the lease of a blob; False when it is another's."""
        with self._errors(name):
            try:
                self._lease(name, lease_id).acquire(lease_duration=seconds)
            except ResourceExistsError:
                return False
            return True

    def renew_lease(self, name: str, lease_id: str) -> None:
        """Keep the lease for its full time from now.

        Raises:
            Conflict: It is another's by now.
            NotFound: The blob or its container is gone.
        """
        with self._errors(name):
            try:
                self._lease(name, lease_id).renew()
            except ResourceExistsError as error:
                raise Conflict(
                    f"The lease on {name!r} is lost.", "Run again; it goes on where this one stood."
                ) from error

    def release_lease(self, name: str, lease_id: str) -> None:
        """Give the lease back; harmless when it is another's by now."""
        with self._errors(name):
            try:
                self._lease(name, lease_id).release()
            except (ResourceExistsError, ResourceNotFoundError):
                return

    def break_lease(self, name: str, etag: str) -> bool:
        """End the lease of a process that is gone, unless the blob was written since `etag`; says whether it did."""
        with self._errors(name):
            try:
                self._lease(name, None).break_lease(
                    lease_break_period=_NOW_SECONDS, etag=etag, match_condition=MatchConditions.IfNotModified
                )
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
                return False
            return True

    def _fetch(self, name: str) -> Document:
        stream = self._container.download_blob(name, validate_content="md5")
        return Document(name=name, content=stream.readall(), etag=str(stream.properties.etag))

    def _lease(self, name: str, lease_id: str | None) -> BlobLeaseClient:
        return BlobLeaseClient(self._container.get_blob_client(name), lease_id=lease_id)

    def _errors(self, name: str) -> AbstractContextManager[None]:
        return storage_errors(self.place, name)

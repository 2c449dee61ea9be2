"""Blobs of a run: upload, download, and the references that the web service is given instead of the account key."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobClient, BlobSasPermissions

from bes.documents import Documents
from bes.downloads import download_to
from bes.errors import IntegrityError
from bes.files import replacing
from bes.protocol import BlobReference
from bes.settings import StorageSettings
from bes.storage_access import References, address_of, connect
from bes.storage_errors import storage_errors
from bes.transfers import until_whole
from bes.uploads import Content, Sent, digest_of, upload_new

logger = logging.getLogger(__name__)

# All four retry numbers must be set, since each defaults to 3.
_CLIENT_OPTIONS: dict[str, Any] = {
    "retry_total": 5,
    "retry_connect": 5,
    "retry_read": 5,
    "retry_status": 5,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
    "connection_timeout": 20,
    "read_timeout": 60,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """A blob that is surely there."""

    name: str
    size_bytes: int
    sha256: str


class BlobStore:
    """The container of all runs.

    Args:
        settings: How to reach the account, container name, and which form references have.

    Raises:
        ConfigurationError: The settings name no way to reach it or several, or what they name cannot be read.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._service = connect(settings, _CLIENT_OPTIONS)
        self._references = References(self._service, settings)
        self._container = self._service.get_container_client(settings.container)
        self._place = f"{address_of(self._service)}{settings.container}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Harmless twice."""
        self._service.close()

    def ensure_container(self) -> None:
        """Make the container unless it exists."""
        with self._converted(self._container.container_name):
            try:
                self._container.create_container()
            except ResourceExistsError:
                logger.debug("container %r exists", self._container.container_name)
            except HttpResponseError as error:
                # A SAS token of a container cannot make it, nor tell whether it is there; the first read will.
                if error.status_code != HTTPStatus.FORBIDDEN or not self._settings.sas:
                    raise

    def has_container(self) -> bool:
        """Whether the container exists."""
        with self._converted(self._container.container_name):
            return self._container.exists()

    def documents(self) -> Documents:
        """The small JSON blobs of the same container."""
        return Documents(self._container, self._place)

    def upload(self, content: Content, name: str, *, content_type: str = "text/csv") -> StoredBlob:
        """Store content under a name that is not taken; a blob of the same content is left alone.

        Raises:
            IntegrityError: The name holds other content.
        """
        with self._converted(name):
            sent = self._sent(self._container.get_blob_client(name), content, content_type)
        return StoredBlob(name=name, size_bytes=sent.size_bytes, sha256=sent.sha256)

    def download(self, name: str, path: Path, *, for_good: bool = True) -> StoredBlob:
        """Bring a blob home. `path` appears whole or not at all.

        Args:
            name: Of the blob.
            path: Of the file.
            for_good: As for `replacing`.

        Raises:
            IntegrityError: It is not what was uploaded, going by the SHA-256 in its metadata, if any.
        """
        with self._converted(name), replacing(path, for_good=for_good) as part:
            digest = download_to(part, self._container.get_blob_client(name))
            size_bytes = part.stat().st_size
        return StoredBlob(name=name, size_bytes=size_bytes, sha256=digest)

    def input_reference(self, name: str, *, lifetime: timedelta) -> BlobReference:
        """A reference with which the web service may read this one blob; every one is new, and ends by itself."""
        return self._references.reference(name, BlobSasPermissions(read=True), lifetime)

    def output_reference(self, name: str, *, lifetime: timedelta) -> BlobReference:
        """A reference with which the web service may create this one blob."""
        # A blob of several blocks cannot be committed with `create` alone.
        return self._references.reference(name, BlobSasPermissions(create=True, write=True), lifetime)

    def _sent(self, blob: BlobClient, content: Content, content_type: str) -> Sent:
        sent = upload_new(blob, content, content_type=content_type)
        if sent is not None:
            return sent
        # An upload of ours, or somebody else's blob: the content tells.
        sent = digest_of(content)
        there = until_whole(blob.get_blob_properties, blob.blob_name)
        if (there.metadata or {}).get("sha256") != sent.sha256:
            raise IntegrityError(
                f"The blob {blob.blob_name!r} exists with other content.",
                # Never to remove it: jobs may have been given what it holds, and their outputs would be adopted.
                "Nothing was overwritten. It, or the input while it was sent, has been changed: run again with another"
                " --rows-per-job, which is another run, or with another container.",
            )
        return sent

    def _converted(self, name: str) -> AbstractContextManager[None]:
        return storage_errors(self._place, name)

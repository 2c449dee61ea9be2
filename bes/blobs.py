"""Blobs of a run: upload, download, and the references that the web service is given instead of the account key."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, BlobSasPermissions, ContentSettings

from bes.documents import Documents
from bes.errors import IntegrityError
from bes.files import replacing, sha256_of
from bes.protocol import BlobReference
from bes.settings import StorageSettings
from bes.storage_access import References, address_of, connect
from bes.storage_errors import storage_errors
from bes.transfers import until_whole

logger = logging.getLogger(__name__)

_MIB = 1 << 20

# Measured: 8 MiB blocks bound memory and leave within the SDK's send deadline on slow links; 4 MiB is the largest range
# the service gives an MD5 for. All four retry numbers must be set, since each defaults to 3.
_CLIENT_OPTIONS: dict[str, Any] = {
    "max_single_put_size": 8 * _MIB,
    "max_block_size": 8 * _MIB,
    "max_single_get_size": 4 * _MIB,
    "max_chunk_get_size": 4 * _MIB,
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
_CONCURRENCY = 4
_SEGMENT_BYTES = _CONCURRENCY * 4 * _MIB
"""What is fetched side by side. A download that is cut goes on with the segment that was not whole."""


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

    def upload(self, path: Path, name: str, *, content_type: str = "text/csv") -> StoredBlob:
        """Store the file at `path` under a name that is not taken; a blob of the same content is left alone.

        Raises:
            IntegrityError: The name holds other content.
        """
        digest = sha256_of(path)
        with self._converted(name):
            blob = self._container.get_blob_client(name)
            if not self._is_there(blob, digest):
                until_whole(lambda: self._send(path, blob, digest, content_type), name)
        return StoredBlob(name=name, size_bytes=path.stat().st_size, sha256=digest)

    def download(self, name: str, path: Path) -> StoredBlob:
        """Bring a blob home. `path` appears whole or not at all."""
        with self._converted(name), replacing(path) as part:
            blob = self._container.get_blob_client(name)
            there = blob.get_blob_properties()
            with part.open("wb") as target:
                for offset in range(0, there.size, _SEGMENT_BYTES):
                    until_whole(partial(_fetch, blob, there, offset, target), name)
            size_bytes = part.stat().st_size
            if size_bytes != there.size:
                raise IntegrityError(f"{name!r} came home with {size_bytes} of {there.size} bytes.", "Run again.")
            digest = sha256_of(part)
        return StoredBlob(name=name, size_bytes=size_bytes, sha256=digest)

    def input_reference(self, name: str, *, lifetime: timedelta) -> BlobReference:
        """A reference with which the web service may read this one blob; every one is new, and ends by itself."""
        return self._references.reference(name, BlobSasPermissions(read=True), lifetime)

    def output_reference(self, name: str, *, lifetime: timedelta) -> BlobReference:
        """A reference with which the web service may create this one blob."""
        # A blob of several blocks cannot be committed with `create` alone.
        return self._references.reference(name, BlobSasPermissions(create=True, write=True), lifetime)

    def _send(self, path: Path, blob: BlobClient, digest: str, content_type: str) -> None:
        with path.open("rb") as source:
            try:
                blob.upload_blob(
                    source,
                    overwrite=False,
                    max_concurrency=_CONCURRENCY,
                    validate_content="md5",
                    metadata={"sha256": digest},
                    content_settings=ContentSettings(content_type=content_type),
                )
            except ResourceExistsError:
                # A lost answer to our own upload, or somebody else's blob: the content tells.
                self._require_same(blob, digest)

    def _is_there(self, blob: BlobClient, digest: str) -> bool:
        # Asked first, since blocks would be sent in vain before the storage says that the name is taken.
        try:
            self._require_same(blob, digest)
        except ResourceNotFoundError:
            return False
        return True

    def _require_same(self, blob: BlobClient, digest: str) -> None:
        if (blob.get_blob_properties().metadata or {}).get("sha256") != digest:
            raise IntegrityError(
                f"The blob {blob.blob_name!r} exists with other content.",
                # Never to remove it: jobs may have been given what it holds, and their outputs would be adopted.
                "Nothing was overwritten. It, or the input while it was sent, has been changed: run again with another"
                " --rows-per-job, which is another run, or with another container.",
            )

    def _converted(self, name: str) -> AbstractContextManager[None]:
        return storage_errors(self._place, name)


def _fetch(blob: BlobClient, there: BlobProperties, offset: int, target: BinaryIO) -> None:
    # Every range carries its MD5, and none is of another version than the first.
    target.seek(offset)
    stream = blob.download_blob(
        offset=offset,
        length=_SEGMENT_BYTES,
        max_concurrency=_CONCURRENCY,
        validate_content="md5",
        etag=there.etag,
        match_condition=MatchConditions.IfNotModified,
    )
    stream.readinto(target)

"""Blobs, read and written in blocks. The only module of the service that knows the storage SDK."""

import base64
import io
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobSasPermissions,
    ContainerClient,
    ContentSettings,
    generate_blob_sas,
)

from bes.protocol import BlobReference
from service import error_codes
from service.errors import ScoringFailed, StagedBlocksLost
from service.places import BlobPlace
from service.redaction import redact

logger = logging.getLogger(__name__)

MEBIBYTE = 1 << 20
BLOCK_BYTES = 8 * MEBIBYTE
"""A block must leave within the SDK's 20 s send deadline: 8 MiB asks for 0.4 MB/s."""

GET_BYTES = 4 * MEBIBYTE
STAGING_THREADS = 2
"""Blocks on their way at the same time; each is held in memory until it has arrived."""

CLIENT_OPTIONS: dict[str, Any] = {
    "permit_redirects": False,
    "max_single_get_size": GET_BYTES,
    "max_chunk_get_size": GET_BYTES,
    # The SDK caps each kind of retry on its own; all four must be set for one to count.
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

LINK_STARTS_BEFORE = timedelta(minutes=5)
LINK_LASTS = timedelta(hours=24)
"""The real service's links were good from five minutes ago for a day: 24 h 5 min in all."""


def _credential(place: BlobPlace) -> AzureNamedKeyCredential | AzureSasCredential | None:
    if place.account_name and place.account_key:
        return AzureNamedKeyCredential(place.account_name, place.account_key)
    return AzureSasCredential(place.sas_token) if place.sas_token else None


def _client(place: BlobPlace) -> BlobClient:
    return BlobClient(place.account_url, place.container, place.name, credential=_credential(place), **CLIENT_OPTIONS)


@contextmanager
def _storage_errors(place: BlobPlace) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise ScoringFailed(error_codes.BLOB_NOT_FOUND(place, _reason(error)).message) from error


def _error_code(error: AzureError) -> str | None:
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)


def _reason(error: AzureError) -> str:
    code = _error_code(error)
    text = redact(str(error.message).splitlines()[0] if error.message else type(error).__name__).rstrip(".")
    return f"{text} ({code})" if code else text


class BlobReader(io.RawIOBase):
    """A blob as a file, fetched in order; the next piece is on its way while the last one is read.

    Raises:
        ScoringFailed: The blob cannot be read; the message gives the storage's own words.
    """

    def __init__(self, place: BlobPlace) -> None:
        super().__init__()
        self._place = place
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        with _storage_errors(place):
            self._pieces = iter(_client(place).download_blob().chunks())
        self._rest = memoryview(b"")
        self._next: Future[bytes] = self._fetch()

    def _fetch(self) -> "Future[bytes]":
        return self._threads.submit(next, self._pieces, b"")

    def readable(self) -> bool:
        """Always true: this file is read, never written."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with the next bytes; 0 at the end."""
        if not self._rest:
            with _storage_errors(self._place):
                self._rest = memoryview(self._next.result())
            if self._rest:
                self._next = self._fetch()
        n_bytes = min(len(self._rest), len(buffer))
        buffer[:n_bytes] = self._rest[:n_bytes]
        self._rest = self._rest[n_bytes:]
        return n_bytes

    def close(self) -> None:
        """Stop fetching."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()


def open_blob(place: BlobPlace) -> io.BufferedReader:
    """A blob as a buffered file to read from front to back."""
    return io.BufferedReader(BlobReader(place), GET_BYTES)


class BlockWriter(io.RawIOBase):
    """A file whose content is staged as blocks. Nobody sees any of it before `publish` is given the block ids.

    Args:
        place: The blob to write.
        attempt: Text of at most 32 characters that no other writer of this blob has, so that blocks never mix.
    """

    def __init__(self, place: BlobPlace, attempt: str) -> None:
        super().__init__()
        self._place = place
        self._attempt = attempt
        self._client = _client(place)
        self._buffer = io.BytesIO()
        self._threads = ThreadPoolExecutor(STAGING_THREADS, thread_name_prefix="stage")
        self._under_way: list[Future[object]] = []
        self.block_ids: list[str] = []

    def writable(self) -> bool:
        """Always true: this file is written, never read."""
        return True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Take `data`; whole blocks leave in the background, and at most a few of them wait in memory."""
        rest = memoryview(data)
        while rest:
            room = BLOCK_BYTES - self._buffer.tell()
            self._buffer.write(rest[:room])
            rest = rest[room:]
            if self._buffer.tell() == BLOCK_BYTES:
                self._stage_buffer()
        return len(data)

    def finish(self) -> tuple[str, ...]:
        """Stage what is left, wait until every block has arrived, and give the block ids in order."""
        if self._buffer.tell():
            self._stage_buffer()
        self._wait_until(0)
        self.close()
        return tuple(self.block_ids)

    def _stage_buffer(self) -> None:
        # BytesIO gives what it holds without a copy.
        self._stage(self._buffer.getvalue())
        self._buffer = io.BytesIO()

    def _stage(self, block: bytes) -> None:
        self._wait_until(STAGING_THREADS - 1)
        # The ids of one blob must all have the same length.
        block_id = base64.b64encode(f"{self._attempt:>32}{len(self.block_ids):08d}".encode()).decode()
        self.block_ids.append(block_id)
        # With MD5 the storage refuses a block that changed on its way.
        self._under_way.append(
            self._threads.submit(self._client.stage_block, block_id, block, len(block), validate_content="md5")
        )

    def _wait_until(self, n_under_way: int) -> None:
        while len(self._under_way) > n_under_way:
            with _storage_errors(self._place):
                self._under_way.pop(0).result()

    def close(self) -> None:
        """Stop writing; what was staged stays invisible."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()


def publish(place: BlobPlace, block_ids: Sequence[str]) -> None:
    """Make staged blocks the content of the blob: whole, at once, replacing what was there.

    Raises:
        StagedBlocksLost: Storage does not have a block any more.
        ScoringFailed: Storage refuses.
    """
    blocks = [BlobBlock(block_id=block_id) for block_id in block_ids]
    with _storage_errors(place):
        try:
            _client(place).commit_block_list(blocks, content_settings=ContentSettings(content_type="text/csv"))
        except HttpResponseError as error:
            if _error_code(error) == "InvalidBlockList":
                raise StagedBlocksLost(str(place)) from error
            raise


def ensure_container(place: BlobPlace) -> None:
    """Create the container of `place` unless it is there."""
    client = ContainerClient(place.account_url, place.container, credential=_credential(place), **CLIENT_OPTIONS)
    with _storage_errors(place):
        try:
            client.create_container()
        except ResourceExistsError:
            logger.debug("container %s is there already", place.container)


def read_link(place: BlobPlace, now: datetime) -> BlobReference:
    """The reference under which anybody can read the blob for a day.

    Without an account key no link can be signed: `SasBlobToken` is then empty.
    """
    token = ""
    if place.account_name and place.account_key:
        token = "?" + generate_blob_sas(
            account_name=place.account_name,
            container_name=place.container,
            blob_name=place.name,
            account_key=place.account_key,
            permission=BlobSasPermissions(read=True),
            start=now - LINK_STARTS_BEFORE,
            expiry=now + LINK_LASTS,
        )
    return BlobReference(
        connection_string=None,
        # Clients join the three parts as they are, so the path is percent-encoded here.
        relative_location=f"{place.container}/{quote(place.name)}",
        base_location=f"{place.account_url}/",
        sas_blob_token=token,
    )

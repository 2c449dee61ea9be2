"""Brings a blob home: range by range, a few at a time, and checked: as a whole, or each range on its way."""

import hashlib
import logging
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobClient, BlobProperties

from bes.blocks import each_block
from bes.errors import IntegrityError
from bes.storage_access import LARGEST_PIECE_BYTES
from bes.transfers import until_whole

logger = logging.getLogger(__name__)

RANGE_BYTES: Final = LARGEST_PIECE_BYTES
"""The largest range that the service gives an MD5 for, too."""

_FIRST_BYTES: Final = 64 << 10
"""Asked for first, to learn what there is: all of a small blob, and little of others, whose ranges wait for it."""

_CONNECTIONS: Final = 8
"""As an upload has them. So many ranges are held at most; with what requests take, a download stays below 80 MB."""

_WITH_MD5: Final = {"x-ms-range-get-content-md5": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What a blob was when its beginning was fetched; `sha256` is what its metadata tell."""

    size_bytes: int
    etag: str
    sha256: str | None


def download_to(path: Path, blob: BlobClient) -> str:
    """Write a blob to a file; the SHA-256 of what was written.

    Args:
        path: Of the file, which is replaced.
        blob: Where it is; all is taken of one version of it.

    Raises:
        IntegrityError: It is not what its SHA-256 says with which it was uploaded.
    """
    first, version = _beginning(blob)
    told = version.sha256
    digest = _written(path, blob, first, version, is_checked=told is None)
    if told not in (None, digest) and version.size_bytes > len(first):
        logger.warning("%r did not arrive as it was sent, and is fetched again with each range checked", blob.blob_name)
        digest = _written(path, blob, first, version, is_checked=True)
    if told not in (None, digest):
        raise IntegrityError(
            f"The blob {blob.blob_name!r} is not what its metadata say: its SHA-256 is {digest}, not {told}.",
            "Nothing was written. Somebody has changed it, or its metadata, since it was uploaded.",
        )
    return digest


def _beginning(blob: BlobClient) -> tuple[bytes, _Version]:
    """The first bytes, checked, and what the answer tells of the whole."""
    try:
        content, there = _fetched(blob, 0, _FIRST_BYTES, is_checked=True)
        size_bytes = int((there.content_range or "").rpartition("/")[2])
    except HttpResponseError as error:
        if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # There is no range of nothing.
        content, there = b"", until_whole(blob.get_blob_properties, blob.blob_name)
        size_bytes = there.size
    return content, _Version(size_bytes=size_bytes, etag=there.etag, sha256=(there.metadata or {}).get("sha256"))


def _written(path: Path, blob: BlobClient, first: bytes, version: _Version, *, is_checked: bool) -> str:
    digest = hashlib.sha256(first)

    def fetch(offset: int) -> bytes:
        n_bytes = min(RANGE_BYTES, version.size_bytes - offset)
        return _fetched(blob, offset, n_bytes, is_checked=is_checked, etag=version.etag)[0]

    with path.open("wb") as target:
        target.write(first)
        ranges = range(len(first), version.size_bytes, RANGE_BYTES)
        for part in each_block(fetch, ranges, connections=_CONNECTIONS, n_held=_CONNECTIONS):
            digest.update(part)
            target.write(part)
        size_bytes = target.tell()
    if size_bytes != version.size_bytes:
        raise IntegrityError(
            f"{blob.blob_name!r} came home with {size_bytes} of {version.size_bytes} bytes.", "Run again."
        )
    return digest.hexdigest()


def _fetched(
    blob: BlobClient, offset: int, n_bytes: int, *, is_checked: bool, etag: str | None = None
) -> tuple[bytes, BlobProperties]:
    """Up to so many bytes, of one version or of any, and what the answer tells of the blob."""
    condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}

    def fetch() -> tuple[bytes, BlobProperties]:
        told: list[str | None] = []
        stream = blob.download_blob(
            offset=offset,
            length=n_bytes,
            max_concurrency=1,
            headers=_WITH_MD5 if is_checked else {},
            raw_response_hook=lambda answer: told.append(answer.http_response.headers.get("Content-MD5")),
            **condition,
        )
        content: bytes = stream.readall()
        # The SDK does the same when it is told to, but reads 10 kB at a time then, which takes half of a core.
        # The last answer counts: what was cut before it was asked for anew. None is told where the SDK has repeated.
        if is_checked and told[-1:] != [_md5(content)]:
            raise AzureError(f"MD5 mismatch in the {len(content)} bytes from {offset} on")
        return content, stream.properties

    return until_whole(fetch, blob.blob_name)


def _md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()

"""Brings a blob home: range by range, a few at a time, and checked: as a whole, or each range on its way."""

import hashlib
import logging
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient, BlobProperties

from bes.blocks import each_block
from bes.errors import IntegrityError
from bes.storage_access import LARGEST_PIECE_BYTES
from bes.transfers import until_whole

logger = logging.getLogger(__name__)

RANGE_BYTES: Final = LARGEST_PIECE_BYTES
"""The largest range that the service gives an MD5 for, too."""

_CONNECTIONS: Final = 8
"""As an upload has them. So many ranges are held at most; with what requests take, a download stays below 80 MB."""

_WITH_MD5: Final = {"x-ms-range-get-content-md5": "true"}


def download_to(path: Path, blob: BlobClient, there: BlobProperties) -> str:
    """Write a blob to a file; the SHA-256 of what was written.

    Args:
        path: Of the file, which is replaced.
        blob: Where it is.
        there: What the blob was when it was asked for; no range is taken of another version of it.

    Raises:
        IntegrityError: It is not what its SHA-256 says with which it was uploaded.
    """
    told = (there.metadata or {}).get("sha256")
    if told is not None:
        if _written(path, blob, there, is_checked=False) == told:
            return told
        logger.warning("%r did not arrive as it was sent, and is fetched again with each range checked", blob.blob_name)
    digest = _written(path, blob, there, is_checked=True)
    if told not in (None, digest):
        raise IntegrityError(
            f"The blob {blob.blob_name!r} is not what its metadata say: its SHA-256 is {digest}, not {told}.",
            "Nothing was written. Somebody has changed it, or its metadata, since it was uploaded.",
        )
    return digest


def _written(path: Path, blob: BlobClient, there: BlobProperties, *, is_checked: bool) -> str:
    digest = hashlib.sha256()
    fetch = partial(_fetched, blob, there, is_checked=is_checked)
    with path.open("wb") as target:
        ranges = range(0, there.size, RANGE_BYTES)
        for part in each_block(fetch, ranges, connections=_CONNECTIONS, n_held=_CONNECTIONS):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def _fetched(blob: BlobClient, there: BlobProperties, offset: int, *, is_checked: bool) -> bytes:
    def fetch() -> bytes:
        told: list[str | None] = []
        stream = blob.download_blob(
            offset=offset,
            length=min(RANGE_BYTES, there.size - offset),
            max_concurrency=1,
            etag=there.etag,
            match_condition=MatchConditions.IfNotModified,
            headers=_WITH_MD5 if is_checked else {},
            raw_response_hook=lambda answer: told.append(answer.http_response.headers.get("Content-MD5")),
        )
        content: bytes = stream.readall()
        # The SDK does the same when it is told to, but reads 10 kB at a time then, which takes half of a core.
        # The last answer counts: what was cut before it was asked for anew. None is told where the SDK has repeated.
        if is_checked and told[-1:] != [_md5(content)]:
            raise AzureError(f"MD5 mismatch in the {len(content)} bytes from {offset} on")
        return content

    return until_whole(fetch, blob.blob_name)


def _md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()

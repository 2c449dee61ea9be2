"""Brings a blob home: range by range, a few at a time, each checked on its way."""

import hashlib
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient, BlobProperties

from bes.blocks import each_block
from bes.transfers import until_whole

RANGE_BYTES: Final = 4 << 20
"""The largest range that the service gives an MD5 for."""

_CONNECTIONS: Final = 8
"""Ranges are half as long as the blocks of an upload, so twice as many hold as much."""

_WITH_MD5: Final = {"x-ms-range-get-content-md5": "true"}


def download_to(path: Path, blob: BlobClient, there: BlobProperties) -> str:
    """Write a blob to a file; the SHA-256 of what was written.

    Args:
        path: Of the file, which is replaced.
        blob: Where it is.
        there: What the blob was when it was asked for; no range is taken of another version of it.
    """
    digest = hashlib.sha256()
    fetch = partial(_fetch, blob, there)
    with path.open("wb") as target:
        ranges = range(0, there.size, RANGE_BYTES)
        for part in each_block(fetch, ranges, connections=_CONNECTIONS, n_held=_CONNECTIONS + 2):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def _fetch(blob: BlobClient, there: BlobProperties, offset: int) -> bytes:
    def fetch() -> bytes:
        told: list[str | None] = []
        stream = blob.download_blob(
            offset=offset,
            length=min(RANGE_BYTES, there.size - offset),
            max_concurrency=1,
            etag=there.etag,
            match_condition=MatchConditions.IfNotModified,
            headers=_WITH_MD5,
            raw_response_hook=lambda answer: told.append(answer.http_response.headers.get("Content-MD5")),
        )
        content: bytes = stream.readall()
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        # The SDK does the same when it is told to, but reads 10 kB at a time then, which takes half of a core.
        # The last answer counts: what was cut before it was asked for anew. None is told where the SDK has repeated.
        if told[-1:] != [b64encode(digest).decode()]:
            raise AzureError(f"MD5 mismatch in the {len(content)} bytes from {offset} on")
        return content

    return until_whole(fetch, blob.blob_name)

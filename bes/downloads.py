"""Brings a blob home: range by range, a few at a time, each checked on its way."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Final

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, BlobProperties

from bes.blocks import CONNECTIONS, each_block
from bes.transfers import until_whole

RANGE_BYTES: Final = 4 << 20
"""The largest range that the service gives an MD5 for."""


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
        for part in each_block(fetch, range(0, there.size, RANGE_BYTES), n_held=2 * CONNECTIONS):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def _fetch(blob: BlobClient, there: BlobProperties, offset: int) -> bytes:
    def fetch() -> bytes:
        stream = blob.download_blob(
            offset=offset,
            length=min(RANGE_BYTES, there.size - offset),
            max_concurrency=1,
            validate_content="md5",
            etag=there.etag,
            match_condition=MatchConditions.IfNotModified,
        )
        content: bytes = stream.readall()
        return content

    return until_whole(fetch, blob.blob_name)

"""Streams content into a new blob: block by block, a few at a time, and none of them twice.

A block is called by its place and its content. What an upload that was cut off has staged is therefore not sent again,
and the blob appears with the commit, whole or not at all.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from bes.blocks import each_block
from bes.transfers import until_whole

# Measured: 8 MiB bound memory, and leave within the SDK's send deadline on slow links.
BLOCK_BYTES: Final = 8 << 20

_CONNECTIONS: Final = 4

_PIECE_BYTES: Final = 1 << 20
_ID_LENGTH: Final = 48
"""As the SDK's own uploads have it: all block ids of a blob are of one length, also those that another upload left."""

Content = Callable[[], Iterable[bytes | memoryview]]
"""Gives the content from its beginning, in pieces of any length; the same whenever it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent."""

    size_bytes: int
    sha256: str


def content_of(path: Path) -> Content:
    """The content of a file."""

    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    return pieces


def digest_of(content: Content) -> Sent:
    """What an upload of the same content would have sent."""
    digest, size = hashlib.sha256(), 0
    for piece in content():
        digest.update(piece)
        size += len(piece)
    return Sent(size_bytes=size, sha256=digest.hexdigest())


def upload_new(blob: BlobClient, content: Content, *, content_type: str) -> Sent:
    """Make a blob, with the SHA-256 of its content in its metadata.

    Args:
        blob: The name must not be taken.
        content: Held are some three blocks more than are sent at a time.
        content_type: Of the blob.

    Raises:
        ResourceExistsError: The name is taken.
    """
    blocks = _blocks(content())
    first = next(blocks, b"")
    if len(first) < BLOCK_BYTES:
        # One request, where three would do the same.
        return _put(blob, first, content_type)
    blocks = chain([first], blocks)
    del first
    try:
        return _Upload(blob).of(blocks, content_type)
    except HttpResponseError as error:
        if getattr(error, "error_code", None) != "InvalidBlockList":
            raise
        # The storage has lost a block that it had staged.
        return _Upload(blob).of(_blocks(content()), content_type)


def _put(blob: BlobClient, content: bytes, content_type: str) -> Sent:
    sent = Sent(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    put = partial(blob.upload_blob, content, overwrite=False, validate_content="md5", **_labels(sent, content_type))
    until_whole(put, blob.blob_name)
    return sent


class _Upload:
    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self._staged = _staged(blob)
        self._digest = hashlib.sha256()
        self._size = 0

    def of(self, blocks: Iterable[bytes], content_type: str) -> Sent:
        counted = enumerate(self._counted(blocks))
        ids = list(each_block(self._stage, counted, connections=_CONNECTIONS, n_held=_CONNECTIONS + 1))
        sent = Sent(size_bytes=self._size, sha256=self._digest.hexdigest())
        named = [BlobBlock(block_id) for block_id in ids]
        labels = _labels(sent, content_type)
        commit = partial(self._blob.commit_block_list, named, match_condition=MatchConditions.IfMissing, **labels)
        until_whole(commit, self._blob.blob_name)
        return sent

    def _counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._digest.update(block)
            self._size += len(block)
            yield block

    def _stage(self, numbered: tuple[int, bytes]) -> str:
        """The id of the block, which is there now."""
        number, block = numbered
        block_id = f"{number:06d}-{hashlib.sha256(block).hexdigest()}"[:_ID_LENGTH]
        if block_id not in self._staged:
            stage = partial(self._blob.stage_block, block_id, block, length=len(block), validate_content="md5")
            until_whole(stage, self._blob.blob_name)
        return block_id


def _staged(blob: BlobClient) -> frozenset[str]:
    try:
        _, uncommitted = until_whole(partial(blob.get_block_list, "uncommitted"), blob.blob_name)
    except ResourceNotFoundError:
        return frozenset()
    return frozenset(str(block.id) for block in uncommitted)


def _labels(sent: Sent, content_type: str) -> dict[str, Any]:
    return {"metadata": {"sha256": sent.sha256}, "content_settings": ContentSettings(content_type=content_type)}


def _blocks(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    held: list[memoryview] = []
    size = 0
    for piece in pieces:
        rest = memoryview(piece)
        while size + len(rest) >= BLOCK_BYTES:
            cut = BLOCK_BYTES - size
            block = b"".join([*held, rest[:cut]])
            held, size, rest = [], 0, rest[cut:]
            yield block
            del block
        if rest:
            held.append(rest)
            size += len(rest)
    if held:
        yield b"".join(held)

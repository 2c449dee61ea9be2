"""Streams content into a new blob: block by block, a few at a time, and none of them twice.

A block is called by its place and its content. What an upload that was cut off has staged is therefore not sent again,
and the blob appears with the commit, whole or not at all.
"""

import hashlib
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from bes.blocks import each_block
from bes.transfers import until_whole

BLOCK_BYTES: Final = 4 << 20
"""Those of all connections leave within the SDK's send deadline of 20 s on any link from 1.7 MB/s on."""

_LAST_BYTES: Final = 2 << 20
"""A link of 25 MB/s carries it in 80 ms, four times what a request more costs."""

_CONNECTIONS: Final = 8
"""Measured: with half as long blocks, twice as many as four are faster on a wide-area link, and hold no more."""

_SMALL_BYTES: Final = 256 << 10
"""Sent without asking whether it is there: a question takes as long, 10 ms on a link of 25 MB/s and more elsewhere."""

_PIECE_BYTES: Final = 1 << 20
_NUMBER_LENGTH: Final = 15
"""With the digest 48, as the SDK's own ids: all of a blob are of one length, also those that another upload left."""

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


def upload_new(blob: BlobClient, content: Content, *, content_type: str) -> Sent | None:
    """Make a blob, with the SHA-256 of its content in its metadata; None where the name is taken.

    Blocks that are staged are not sent again.

    Args:
        blob: It is left as it is if it is there.
        content: Held are some four blocks more than are sent at a time.
        content_type: Of the blob.
    """
    try:
        return _sent(blob, content, content_type)
    except ResourceExistsError:
        return None


def _sent(blob: BlobClient, content: Content, content_type: str) -> Sent | None:
    blocks = _blocks(content())
    first, second = next(blocks, b""), next(blocks, None)
    if second is None and len(first) <= _SMALL_BYTES:
        return _put(blob, first, content_type)
    # Asked first, since all would be sent in vain before the storage says that the name is taken.
    staged = _staged_of(blob)
    if staged is None:
        return None
    if second is None:
        # One request, where two would do the same.
        return _put(blob, first, content_type)
    blocks = chain([first, second], blocks)
    del first, second
    try:
        return _Upload(blob, staged).of(blocks, content_type)
    except HttpResponseError as error:
        if getattr(error, "error_code", None) != "InvalidBlockList":
            raise
        # The storage has lost a block that it had staged.
        return _Upload(blob, _staged_of(blob) or frozenset()).of(_blocks(content()), content_type)


def _staged_of(blob: BlobClient) -> frozenset[str] | None:
    """Ids of the blocks that an upload has staged and not committed; None where the blob is there."""
    try:
        _, uncommitted = until_whole(partial(blob.get_block_list, "uncommitted"), blob.blob_name)
    except ResourceNotFoundError:
        return frozenset()
    if until_whole(blob.exists, blob.blob_name):
        return None
    return frozenset(str(block.id) for block in uncommitted)


def _put(blob: BlobClient, content: bytes, content_type: str) -> Sent:
    sent = Sent(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    put = partial(blob.upload_blob, content, overwrite=False, validate_content="md5", **_labels(sent, content_type))
    until_whole(put, blob.blob_name)
    return sent


class _Upload:
    def __init__(self, blob: BlobClient, staged: frozenset[str]) -> None:
        self._blob = blob
        self._staged = staged
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
        # MD5 is what the service checks, too. Contents that share it do not come about by accident, and who could craft
        # them would deceive nobody but themselves.
        digest = hashlib.md5(block, usedforsecurity=False)
        block_id = f"{number:0{_NUMBER_LENGTH}d}-{digest.hexdigest()}"
        if block_id not in self._staged:
            # As the SDK does it when it is told to validate, which would hash once more.
            headers = {"Content-MD5": b64encode(digest.digest()).decode()}
            stage = partial(self._blob.stage_block, block_id, block, length=len(block), headers=headers)
            until_whole(stage, self._blob.blob_name)
        return block_id


def _labels(sent: Sent, content_type: str) -> dict[str, Any]:
    return {"metadata": {"sha256": sent.sha256}, "content_settings": ContentSettings(content_type=content_type)}


def _blocks(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Blocks of one length; what is left for the last two goes in short ones, so that no connection idles."""
    held: deque[memoryview] = deque()
    size = 0
    for piece in filter(len, pieces):
        held.append(memoryview(piece))
        size += len(piece)
        while size >= 2 * BLOCK_BYTES:
            size -= BLOCK_BYTES
            yield _taken(held, BLOCK_BYTES)
    n_bytes = size if size <= BLOCK_BYTES else _LAST_BYTES
    while held:
        yield _taken(held, n_bytes)


def _taken(held: deque[memoryview], n_bytes: int) -> bytes:
    taken = []
    while held and n_bytes:
        piece = held.popleft()
        if len(piece) > n_bytes:
            held.appendleft(piece[n_bytes:])
        taken.append(piece[:n_bytes])
        n_bytes -= len(taken[-1])
    return b"".join(taken)

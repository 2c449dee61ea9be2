"""Files that appear whole or not at all, and reads that give all there is."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, for_good: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is gone when it does not.

    Args:
        path: Of the file.
        for_good: Whether it must be whole after a crash of the machine as well. A working file, which nobody reads
            then, need not be, and a busy disk takes seconds to say that it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        # Not a temporary file's own mode: who may read the result is for the user's umask to say.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield part
        if for_good:
            with part.open("rb") as written:
                os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of the file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def read_at(file: int, offset: int, size: int) -> bytes:
    """Bytes from a place in an open file; fewer than `size` only where the file ends before.

    Args:
        file: Its descriptor, whose position stays where it is.
        offset: Of the first byte.
        size: How many.
    """
    data = os.pread(file, size, offset)
    # A network file system may give less than it was asked for.
    while len(data) < size and (more := os.pread(file, size - len(data), offset + len(data))):
        data += more
    return data

"""The kept columns of a shard, set aside when its rows are read to be sent: merging does not read the input again.

They are a working file of one execution. That they are those of the input is proved of the predictions, not of them.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from bes.errors import ConfigurationError, IntegrityError
from bes.files import replacing
from scoring.shards import Shard

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How writing ends where a disk is full or its use is limited."""


def send_and_keep(shard: Shard, work: Path) -> Iterator[memoryview]:
    """What `Shard.sent_csv` gives; when all of it is given, the kept rows are set aside.

    Args:
        shard: Whose rows are read, once for both.
        work: Folder of the execution's working files.

    Raises:
        InputError: The file is not what it was.
        ConfigurationError: There is no room for them.
    """
    schema = pa.schema([pa.field(name, pa.string()) for name in shard.kept])
    aside = replacing(_aside(shard, work), for_good=False)
    with _naming(work), aside as part, part.open("wb") as file, pa.ipc.new_stream(file, schema) as kept:
        yield from shard.sent_csv(kept.write_batch)


def kept_rows(shard: Shard, work: Path) -> Iterator[pa.RecordBatch]:
    """The kept rows that were set aside; those of the input where none were.

    Raises:
        IntegrityError: They are not as they were written.
        InputError: The input file is not what it was.
    """
    path = _aside(shard, work)
    if not path.exists():
        yield from shard.kept_rows()
        return
    try:
        with path.open("rb") as file, pa.ipc.open_stream(file) as kept:
            yield from kept
    except (pa.ArrowException, OSError) as error:
        raise IntegrityError(
            f"The kept rows of {shard.label} are not as they were written: {error}.",
            "Nothing was published. Keep others out of the run's folder, and run again.",
        ) from error


@contextmanager
def _naming(work: Path) -> Iterator[None]:
    """Say in which folder there is no room, which the system does not."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise ConfigurationError(
            f"The columns that stay here cannot be written to {str(work.parent)!r}: {error.strerror}.",
            "Make room, or name a folder with more in BATCH_SCORING_RUN_DATA_DIR; then run again: it goes on.",
        ) from error


def _aside(shard: Shard, work: Path) -> Path:
    return work / f"{shard.name}-kept.arrow"

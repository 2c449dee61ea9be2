"""The quarantine of a run as it is published: what breaks the contract, then what the web service refuses."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bes.files import replacing
from scoring.contract.quarantine import append_refused
from scoring.plan import RefusedRow


def write_quarantine(path: Path, refused: Sequence[RefusedRow], *, of_contract: Path) -> None:
    """Write the quarantine of all records that are not scored; `path` appears whole or not at all.

    Args:
        path: Where to write; a working file.
        refused: Rows that the web service refuses, in order.
        of_contract: The quarantine that the check of the input has written; it stays as it is.

    Raises:
        InputError: An input file is not what it was.
    """
    with replacing(path, for_good=False) as part:
        shutil.copyfile(of_contract, part)
        append_refused(part, [_line(row) for row in refused])


def _line(row: RefusedRow) -> tuple[str, int, int, str, str]:
    """File, record, line, words, and the record as it stands in the file."""
    file, record = row.shard.source.file, row.shard.first_record
    chunks = file.chunks
    number = int(np.searchsorted(chunks.first_record, record, side="right")) - 1
    ((_, block),) = file.reread([number])
    at = np.searchsorted(block.index, [record - chunks.first_record[number]])
    line = int(chunks.first_line[number] + block.places().line[at[0]])
    return file.name, record, line, row.words, block.raw(at, file.dialect.encoding)[0].as_py()

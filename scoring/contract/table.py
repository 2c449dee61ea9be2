"""Several CSV files as one input, in which every row still knows where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bes.errors import InputError
from scoring.contract.csvfile import read_csv


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputTable:
    """All rows of the input, in the order of the files and of the records in them.

    Args:
        files: Name of each file; the path where two files have the same name.
        text: One text column per column of the contract, indexed 0 to n_rows - 1; an empty cell is the empty text.
        file_index: Shape (n_rows,): which of `files` the row comes from.
        record: Shape (n_rows,): number of the record in its file, 1 for the first one below the header.
        line: Shape (n_rows,): the physical line of its file on which the record begins, 1-based.
    """

    files: tuple[str, ...]
    text: pd.DataFrame
    file_index: npt.NDArray[np.int64]
    record: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        """Number of rows of all files together."""
        return len(self.text)

    def file_of(self, row: int) -> str:
        """Return the name of the file that a row comes from."""
        return self.files[int(self.file_index[row])]


def read_input(paths: Sequence[Path], columns: Sequence[str]) -> InputTable:
    """Read the files, each with exactly the given columns.

    Raises:
        InputError: No file is named, one is named twice, or one cannot be read for sure.
    """
    _check_paths(paths)
    tables = [read_csv(path, columns) for path in paths]
    sizes = [len(table.text) for table in tables]
    return InputTable(
        files=_labels(paths),
        text=pd.concat([table.text for table in tables], ignore_index=True),
        file_index=np.repeat(np.arange(len(paths)), sizes),
        record=np.concatenate([np.arange(1, size + 1) for size in sizes]),
        line=np.concatenate([table.lines for table in tables]),
    )


def _check_paths(paths: Sequence[Path]) -> None:
    if not paths:
        raise InputError("No input file is named.", "Name at least one CSV file.")
    resolved = [path.resolve() for path in paths]
    for index, path in enumerate(resolved):
        if path in resolved[:index]:
            raise InputError(f"Input file {str(paths[index])!r} is named twice.", "Name it once.")


def _labels(paths: Sequence[Path]) -> tuple[str, ...]:
    names = [path.name for path in paths]
    return tuple(path.name if names.count(path.name) == 1 else str(path) for path in paths)

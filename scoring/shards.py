"""Cuts the accepted rows into shards, one BES job's worth each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

LINE_END = "\r\n"
"""Of all files that rows are written to, as RFC 4180 has it. Only with both characters in the line end does Python's
csv put a cell that holds either of them into quotes; left bare, a lone CR ends the row for whoever reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One BES job's worth of input, from one file.

    Args:
        index: Position in the run, from 0; the predictions are merged in this order.
        file: Name of the input file.
        first_row: Position of its first row among all accepted rows of the run, from 0.
        n_rows: Rows in it, at least 1.
        sent_path: CSV with a header: what the web service is given.
        kept_path: CSV with a header: the key and passthrough columns of the same rows in the same order.
        part: Which part of the shard it is, when that was halved: 0 or 1 for each time. Empty for all of it.
    """

    index: int
    file: str
    first_row: int
    n_rows: int
    sent_path: Path
    kept_path: Path
    part: str = ""

    @property
    def name(self) -> str:
        """Its part of the names of files and blobs; in the order of the rows."""
        return f"{self.index:05d}-{self.part}" if self.part else f"{self.index:05d}"

    @property
    def label(self) -> str:
        """How people call it."""
        return f"shard {self.index}{'-' if self.part else ''}{self.part} ({self.file}, {self.n_rows} rows)"


def cut_shards(
    accepted: pd.DataFrame, files: pd.Series, *, sent: list[str], kept: list[str], rows_per_job: int, folder: Path
) -> list[Shard]:
    """Write the shards of `accepted` to `folder`.

    Args:
        accepted: Accepted rows as text, in input order.
        files: For each row the name of its file; rows of one file follow each other.
        sent: Columns that the web service is given, in the order of its input port.
        kept: Columns that stay here and are joined to the predictions.
        rows_per_job: Most rows in a shard. A shard never holds rows of two files.
        folder: Where the CSV files go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for index, (file, first_row, n_rows) in enumerate(_ranges(files, rows_per_job)):
        rows = accepted.iloc[first_row : first_row + n_rows]
        sent_path, kept_path = folder / f"{index:05d}-sent.csv", folder / f"{index:05d}-kept.csv"
        rows[sent].to_csv(sent_path, index=False, lineterminator=LINE_END)
        rows[kept].to_csv(kept_path, index=False, lineterminator=LINE_END)
        shards.append(
            Shard(index=index, file=file, first_row=first_row, n_rows=n_rows, sent_path=sent_path, kept_path=kept_path)
        )
    return shards


def _ranges(files: pd.Series, rows_per_job: int) -> Iterator[tuple[str, int, int]]:
    first_row = 0
    for file, rows in files.groupby(files, sort=False):
        end = first_row + len(rows)
        while first_row < end:
            n_rows = min(rows_per_job, end - first_row)
            yield str(file), first_row, n_rows
            first_row += n_rows

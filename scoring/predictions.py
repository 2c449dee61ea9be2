"""Joins the outputs of all shards with the rows' own columns into one file, in input order, a few rows at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from bes.errors import IntegrityError
from bes.files import replacing
from scoring.books import count_output, open_output
from scoring.csv_records import CsvFile
from scoring.csv_text import header_as_csv, rows_as_csv
from scoring.kept import kept_rows
from scoring.read_ahead import read_ahead
from scoring.shards import Shard
from scoring.side_by_side import side_by_side


def merge_predictions(outputs: Iterable[tuple[Shard, Path]], path: Path, *, work: Path) -> int:
    """Write the predictions of a run; `path` appears whole or not at all.

    Args:
        outputs: The shards in order, each with its output file of equally many rows.
        path: The predictions: kept columns first, then the columns of the output port. A working file.
        work: Folder of the execution's working files, where the kept columns may have been set aside.

    Returns:
        Number of rows written.

    Raises:
        IntegrityError: Two outputs have different columns, or one has another number of rows than its shard or a column
            that the rows bring along.
        InputError: An input file is not what it was.
    """
    n_rows = 0
    columns: tuple[str, ...] | None = None
    with replacing(path, for_good=False) as part, part.open("wb") as target:
        for shard, output_path in outputs:
            output = open_output(shard, output_path)
            joined = _columns(shard, output)
            if columns is None:
                columns = joined
                target.write(header_as_csv(columns))
            elif columns != joined:
                raise IntegrityError(
                    f"The output of {shard.label} has the columns {list(joined)}, those before it {list(columns)}.",
                    "Nothing was published. Ask the owner of the web service whether its model changed meanwhile.",
                )
            n_rows += _join(shard, kept_rows(shard, work), output, target)
    return n_rows


def _columns(shard: Shard, output: CsvFile) -> tuple[str, ...]:
    twice = [column for column in output.header if column in shard.kept]
    if twice:
        raise IntegrityError(
            f"The output of {shard.label} has columns that the rows bring along: {', '.join(twice)}.",
            "Take them out of the contract's passthrough columns.",
        )
    return (*shard.kept, *output.header)


def _join(shard: Shard, rows: Iterator[pa.RecordBatch], output: CsvFile, target: BinaryIO) -> int:
    n_rows = 0
    for kept, scored in side_by_side(rows, read_ahead(output.batches())):
        if kept.num_rows != scored.num_rows:
            count_output(shard, output)
            raise IntegrityError(
                f"{shard.label} has other rows than it was cut with.", "Nothing was published. Run again."
            )
        target.write(rows_as_csv([*kept.columns, *scored.columns]))
        n_rows += kept.num_rows
    return n_rows

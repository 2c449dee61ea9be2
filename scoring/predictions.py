"""Joins the outputs of all shards with the rows' own columns into one file, in input order."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from bes.errors import IntegrityError
from bes.files import replacing
from scoring.shards import LINE_END, Shard


def merge_predictions(outputs: Iterable[tuple[Shard, Path]], path: Path) -> int:
    """Write the predictions of a run; `path` appears whole or not at all.

    Args:
        outputs: The shards in order, each with its output file of equally many rows.
        path: The predictions: kept columns first, then the columns of the output port.

    Returns:
        Number of rows written.

    Raises:
        IntegrityError: Two outputs have different columns, or one has another number of rows than its shard or a column
            that the rows bring along.
    """
    n_rows = 0
    columns: list[str] | None = None
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as target:
        for shard, output in outputs:
            joined = _join(shard, output)
            if columns is None:
                columns = list(joined.columns)
                joined.to_csv(target, index=False, lineterminator=LINE_END)
            elif columns != list(joined.columns):
                raise IntegrityError(
                    f"The output of {shard.label} has the columns {list(joined.columns)}, those before it {columns}.",
                    "Nothing was published. Ask the owner of the web service whether its model changed meanwhile.",
                )
            else:
                joined.to_csv(target, index=False, header=False, lineterminator=LINE_END)
            n_rows += len(joined)
    return n_rows


def _join(shard: Shard, output: Path) -> pd.DataFrame:
    kept, scored = _read(shard.kept_path), _read(output)
    twice = [column for column in scored.columns if column in set(kept.columns)]
    if twice:
        raise IntegrityError(
            f"The output of {shard.label} has columns that the rows bring along: {', '.join(twice)}.",
            "Take them out of the contract's passthrough columns.",
        )
    if len(scored) != len(kept):
        raise IntegrityError(
            f"The output of {shard.label} has {len(scored)} rows instead of {len(kept)}.",
            "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
        )
    return pd.concat([kept, scored], axis=1)


def _read(path: Path) -> pd.DataFrame:
    # As a header, pandas would rename columns that stand twice or have no name.
    table = pd.read_csv(
        path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig"
    )
    return table.iloc[1:].set_axis(list(table.iloc[0]), axis=1).reset_index(drop=True)

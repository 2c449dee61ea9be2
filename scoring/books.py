"""The books of a run: every input row is scored, quarantined or failed, and the numbers must agree."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bes.errors import IntegrityError
from scoring.csv_records import csv_records
from scoring.echo import check_echo
from scoring.shards import Shard

_NEXT_STEP = "Nothing was published. Run again; if it happens again, ask the owner of the web service."


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Rows of a run, counted."""

    n_input: int
    n_scored: int
    n_quarantined: int
    n_failed: int

    def require_balance(self) -> None:
        """Refuse to go on with a run in which a row is unaccounted for.

        Raises:
            IntegrityError: States the difference.
        """
        accounted = self.n_scored + self.n_quarantined + self.n_failed
        if accounted != self.n_input:
            raise IntegrityError(
                f"The books do not balance: {self.n_input} rows in, but {self.n_scored} scored"
                f" + {self.n_quarantined} quarantined + {self.n_failed} failed = {accounted}.",
                "Nothing was published. Run again; if it happens again, compare the shards in the manifest.",
            )


def count_output(shard: Shard, output: Path) -> int:
    """Rows of a shard's output, which must be as many as were sent.

    Raises:
        IntegrityError: Names the shard and both counts; or the output is no CSV, or a row has not one cell a column.
    """
    n_rows = 0
    with _records(shard, output) as records:
        n_columns = len(next(records, []))
        for n_rows, record in enumerate(records, start=1):
            # A blank line is a row of one empty cell, which pandas takes it for as well.
            if (len(record) or 1) != n_columns:
                raise IntegrityError(
                    f"The output of {shard.label} has {len(record)} cells instead of {n_columns} in row {n_rows}.",
                    _NEXT_STEP,
                )
    if n_rows != shard.n_rows:
        raise IntegrityError(f"The output of {shard.label} has {n_rows} rows instead of {shard.n_rows}.", _NEXT_STEP)
    return n_rows


def check_output(shard: Shard, output: Path) -> int:
    """Rows of a shard's output, which are those that were sent as far as the output can show.

    Raises:
        IntegrityError: The number differs, or a column that the service passes through shows rows in other places.
    """
    n_rows = count_output(shard, output)
    check_echo(shard, output)
    return n_rows


@contextmanager
def _records(shard: Shard, output: Path) -> Iterator[Iterator[list[str]]]:
    try:
        with csv_records(output) as records:
            yield records
    except (csv.Error, UnicodeDecodeError) as error:
        raise IntegrityError(f"The output of {shard.label} is not CSV in UTF-8: {error}.", _NEXT_STEP) from error

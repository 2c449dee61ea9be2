"""The books of a run: every input row is scored, quarantined or failed, and the numbers must agree."""

from dataclasses import dataclass
from pathlib import Path

from bes.errors import IntegrityError
from scoring.counted import counted
from scoring.csv_records import CsvFile, open_csv
from scoring.echo import check_echo
from scoring.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Rows of a run, counted; `n_refused` of the quarantined ones are refused by the web service."""

    n_input: int
    n_scored: int
    n_quarantined: int
    n_failed: int
    n_refused: int = 0

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


def open_output(shard: Shard, path: Path) -> CsvFile:
    """The output of a shard, of which the header is read.

    Raises:
        IntegrityError: It is no CSV.
    """
    return open_csv(path, what=f"The output of {shard.label}")


def count_output(shard: Shard, output: CsvFile) -> int:
    """Rows of a shard's output, which must be as many as were sent.

    Raises:
        IntegrityError: Names the shard and both counts; or the output is no CSV, or a row has not one cell a column.
    """
    n_rows = sum(batch.num_rows for batch in output.batches()) if output.header else 0
    if n_rows != shard.n_rows:
        raise IntegrityError(
            f"{output.what} has {counted(n_rows, 'row')} instead of {shard.n_rows:,}.",
            "Nothing was published. Run again; if it happens again, ask the owner of the web service.",
        )
    return n_rows


def check_output(shard: Shard, path: Path) -> int:
    """Rows of a shard's output, which are those that were sent as far as the output can show.

    Raises:
        IntegrityError: The number differs, or a column that the service passes through shows rows in other places.
        InputError: The input file is not what it was.
    """
    output = open_output(shard, path)
    n_rows = count_output(shard, output)
    check_echo(shard, output)
    return n_rows

"""The circuit breaker: an input that is sure to be refused for its bad rows is not read to its end."""

from scoring.contract.model import Tolerance
from scoring.counted import be


class Breaker:
    """Counts records while they are read. What it stops, the tolerance would surely refuse at the end.

    Args:
        tolerance: How many bad records a run bears.
        total_bytes: Of all files, without headers.
        n_columns: Of each record, which has a delimiter less than that and a line end.

    Attributes:
        stopped: Why nothing more needs to be read; None as long as it does.
    """

    def __init__(self, tolerance: Tolerance, *, total_bytes: int, n_columns: int) -> None:
        self.stopped: str | None = None
        self._tolerance = tolerance
        self._bytes_left = total_bytes
        self._record_bytes = n_columns
        self._n_bad = 0
        self._n_records = 0

    def count(self, *, n_bad: int, n_records: int, n_bytes: int) -> None:
        """Take up some more records."""
        self._n_bad += n_bad
        self._n_records += n_records
        self._bytes_left -= n_bytes
        if self._bytes_left <= 0:
            return
        # As if all that is left were good, and as short as it can be.
        most = self._n_records + self._bytes_left // self._record_bytes + 1
        told = exceeded(self._tolerance, n_bad=self._n_bad, n_records=most)
        if told is not None:
            self.stopped = f"{self._n_bad:,} of the first {self._n_records:,} records {be(self._n_bad)} bad, and {told}"


def exceeded(tolerance: Tolerance, *, n_bad: int, n_records: int) -> str | None:
    """What of the tolerance so many bad records exceed, in words; None where they do not."""
    if tolerance.rows is not None and n_bad > tolerance.rows:
        return f"the contract bears {tolerance.rows:,}"
    # As a quotient: 0.29 times 100 is less than 29.
    if tolerance.share is not None and n_records and n_bad / n_records > tolerance.share:
        return f"the contract bears {tolerance.share:.2%}".replace(".00%", "%")
    return None

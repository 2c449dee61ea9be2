"""The circuit breaker: an input that is bad throughout is not read to its end."""

from typing import Final

from scoring.contract.model import Tolerance

# What is left may be better than what was read: the share must be past twice over before the rest is left unread.
_MARGIN: Final = 2
# Below this a handful of bad rows at the top of a file would stop it.
_MIN_RECORDS: Final = 1000


class Breaker:
    """Counts records while they are read. What it stops, the tolerance would refuse at the end.

    Args:
        tolerance: How many bad records a run bears.
        total_bytes: Of all files, without headers.

    Attributes:
        stopped: Why nothing more needs to be read; None as long as it does.
    """

    def __init__(self, tolerance: Tolerance, *, total_bytes: int) -> None:
        self.stopped: str | None = None
        self._tolerance = tolerance
        self._total_bytes = total_bytes
        self._n_bad = 0
        self._n_records = 0
        self._n_bytes = 0

    def count(self, *, n_bad: int, n_records: int, n_bytes: int) -> None:
        """Take up some more records."""
        self._n_bad += n_bad
        self._n_records += n_records
        self._n_bytes += n_bytes
        if self._is_hopeless():
            self.stopped = f"{self._n_bad:,} of the first {self._n_records:,} records are bad"

    def _is_hopeless(self) -> bool:
        if self._tolerance.rows is not None and self._n_bad > self._tolerance.rows:
            return True
        if self._tolerance.share is None or self._n_records < _MIN_RECORDS or not self._n_bytes:
            return False
        expected = self._n_records * self._total_bytes / self._n_bytes
        return self._n_bad > _MARGIN * self._tolerance.share * expected


def exceeded(tolerance: Tolerance, *, n_bad: int, n_records: int) -> str | None:
    """What of the tolerance is exceeded, in words; None where nothing is."""
    if tolerance.rows is not None and n_bad > tolerance.rows:
        return f"{n_bad:,} of {n_records:,} records are bad, and the contract bears {tolerance.rows:,}"
    if tolerance.share is not None and n_bad > tolerance.share * n_records:
        share = f"{tolerance.share:.2%}".replace(".00%", "%")
        return f"{n_bad:,} of {n_records:,} records are bad ({n_bad / n_records:.2%}), and the contract bears {share}"
    return None

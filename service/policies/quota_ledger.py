"""Fixed windows: what a subscription has used of its quota. They are long, so they outlive the process in SQLite."""

import logging
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.gateway_errors import GatewayError, gateway_failed, out_of_bandwidth, out_of_calls
from service.policies.model import Quota

logger = logging.getLogger(__name__)

_KILOBYTE = 1024

_TABLE = """
CREATE TABLE IF NOT EXISTS used (
    counter TEXT NOT NULL,
    subscription TEXT NOT NULL,
    first_call REAL NOT NULL,
    window_start REAL NOT NULL,
    calls INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (counter, subscription)
) WITHOUT ROWID
"""
_READ = "SELECT first_call, window_start, calls, bytes FROM used WHERE counter = ? AND subscription = ?"
_WRITE = "INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?, ?, ?)"
_ADD_BYTES = "UPDATE used SET bytes = bytes + ? WHERE counter = ? AND subscription = ?"


class LedgerError(ValueError):
    """The file of the quotas cannot be used.

    Args:
        path: The file.
        problem: What is wrong.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"The quotas in {str(self.path)!r} cannot be kept: {self.problem}. Make the folder writable, move a broken "
            "file away (its quotas start anew), or set BATCH_SCORING_GATEWAY_DATA_DIR to another folder."
        )


@dataclass(frozen=True, slots=True)
class _Used:
    first_call: float
    window_start: float
    calls: int
    n_bytes: int


class QuotaLedger:
    """What is used of all quotas of a gateway.

    Args:
        data_dir: Folder of the file `quotas.sqlite`, made if it is missing; None keeps it in memory only.
        wall: The clock, in seconds since 1970.

    Raises:
        LedgerError: The file cannot be opened or made.
    """

    def __init__(self, data_dir: Path | None, *, wall: Callable[[], float]) -> None:
        self._wall = wall
        path = data_dir / "quotas.sqlite" if data_dir else Path(":memory:")
        try:
            if data_dir:
                data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Transactions are begun by hand; the gateway's loop may run in another thread than the one that built it.
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
            # A crash of the process loses nothing; one of the machine may lose the last calls, for a write costs 20 us.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(path, str(error)) from error

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._database.close()

    def take(self, quota: Quota, subscription: str, start: float | None) -> None:
        """Count a call if there is room for it. A refused call is not counted.

        Args:
            quota: Which one, and how much.
            subscription: Whose.
            start: Start of the subscription, from which the windows are counted; None counts from its first call.

        Raises:
            GatewayError: The quota of this window is used up.
        """
        now = self._wall()
        with self._transaction():
            used = self._used(quota, subscription, start, now)
            left_seconds = max(1, math.ceil(used.window_start + quota.renewal_period_seconds - now))
            if quota.calls is not None and used.calls >= quota.calls:
                raise out_of_calls(left_seconds)
            if quota.bandwidth_kilobytes is not None and used.n_bytes >= quota.bandwidth_kilobytes * _KILOBYTE:
                raise out_of_bandwidth(left_seconds)
            written = (quota.counter, subscription, used.first_call, used.window_start, used.calls + 1, used.n_bytes)
            self._database.execute(_WRITE, written)

    def add_bytes(self, quota: Quota, subscription: str, n_bytes: int) -> None:
        """Count what a call that was let through has moved."""
        with self._transaction():
            self._database.execute(_ADD_BYTES, (n_bytes, quota.counter, subscription))

    def _used(self, quota: Quota, subscription: str, start: float | None, now: float) -> _Used:
        row = self._database.execute(_READ, (quota.counter, subscription)).fetchone()
        used = _Used(*row) if row else _Used(now, now, 0, 0)
        began = used.first_call if start is None else start
        n_windows = (now - began) // quota.renewal_period_seconds
        window_start = began + n_windows * quota.renewal_period_seconds
        same = used.window_start == window_start
        return _Used(used.first_call, window_start, used.calls if same else 0, used.n_bytes if same else 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, also between processes. A database that fails is the gateway's failure, not the caller's."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except GatewayError:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            logger.error("the quotas cannot be read or written: %s", error)  # noqa: TRY400 (the text says it all)
            self._give_up()
            raise gateway_failed() from error

    def _give_up(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

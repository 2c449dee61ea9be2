"""Prefect servers of the tests: started as the local stack does, with tables that the first of them has made."""

import fcntl
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from deployments.stack import LocalStack

StartPrefect = Callable[..., str]
"""`start_prefect(stack, port)` gives the API of a server that answers; by default on any port."""


def start_prefect(stack: LocalStack, port: int | None = None, *, shared: Path) -> str:
    """Start the stack's server, and give its API.

    Making the tables takes 11 of the 19 s of CPU of a first start. So one server does it for all processes of the
    tests, and the others begin with a copy: of tables and of Prefect's own types of blocks, and of nothing else, since
    it is taken before anybody has used that server.

    Args:
        stack: Keeps the database; what an earlier server left there is taken up.
        port: As for the stack.
        shared: A folder that all processes of the tests have in common.
    """
    own, made = stack.home / "prefect" / "prefect.db", shared / "prefect.db"
    with (shared / "prefect.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            api = stack.start_prefect(port)()
            _copy(own, made)
            return api
    give_tables(stack.home, shared=shared)
    return stack.start_prefect(port)()


def give_tables(home: Path, *, shared: Path) -> None:
    """Let the first start of a stack's server find the tables, if a server of the tests has made them by now."""
    own, made = home / "prefect" / "prefect.db", shared / "prefect.db"
    if made.exists() and not own.exists():
        own.parent.mkdir(parents=True)
        shutil.copyfile(made, own)


def _copy(database: Path, to: Path) -> None:
    """Copy a database that is in use; `to` is there only when it is whole."""
    part = to.with_suffix(".part")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.rename(to)

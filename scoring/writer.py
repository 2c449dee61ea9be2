"""Who is at a run: enough for people to find the process, and for programs to know that it is gone."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

_PROC = Path("/proc")


class Writer(BaseModel):
    """The one process that may write the journal of a run.

    Args:
        session: Names this execution of the run.
        process: Tells it from every other process on every machine and in every container; empty if that is unknown.
        flow_run: Name or id of Prefect's flow run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: str
    host: str
    pid: int
    process: str
    flow_run: str | None
    since: datetime

    @classmethod
    def here(cls, *, session: str, flow_run: str | None = None) -> Self:
        """This very process."""
        return cls(
            session=session,
            host=socket.gethostname(),
            pid=os.getpid(),
            process=_identity(os.getpid()),
            flow_run=flow_run,
            since=datetime.now(UTC),
        )

    @property
    def is_surely_gone(self) -> bool:
        """True only when it ran on this machine and has ended, so that nobody waits for the end of its lease."""
        machine = _machine()
        if not self.process or not machine or not self.process.startswith(f"{machine} "):
            return False
        return _identity(self.pid) != self.process

    def __str__(self) -> str:
        run = f", flow run {self.flow_run}" if self.flow_run else ""
        return f"process {self.pid} on {self.host!r}{run}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def _machine() -> str:
    # The boot, since process ids begin anew with it; and the namespace, since each container counts its own.
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _identity(pid: int) -> str:
    # With the time of its start, since process ids are given again. A zombie has ended.
    try:
        state, *fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" or not _machine() else f"{_machine()} {pid} {fields[18]}"

"""Child processes of the local stack: started from a list, ready by a deadline, never left behind."""

import contextlib
import ctypes
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bes.errors import ScoringError

logger = logging.getLogger(__name__)

_PROBE_SECONDS = 0.05
_STOP_SECONDS = 10.0
"""Azurite needs 0.2 s, Prefect 3 s to leave; what takes longer is killed."""

_LOOPBACK = "127.0.0.1,localhost"
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)

Environment = Mapping[str, str | None]
"""Variables of a child; None for one that it must not have."""

Readiness = Callable[[], str | None]
"""Asked again and again until it answers; the answer is what became known, such as an address."""


class ProcessFailed(ScoringError):
    """A child process of the local stack ended or was not ready in time."""


class ChildProcess:
    """One process with a log file. Starting does not wait; `wait_until_ready` does.

    Args:
        name: What people call it, for messages.
        command: The program and its arguments.
        environment: See `start_apart`.
        log_path: Takes standard output and error; overwritten at each start.
    """

    def __init__(self, name: str, command: Sequence[str], *, environment: Environment, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("wb") as log:
            self._process = start_apart(
                command, environment=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._process.pid

    def wait_until_ready(self, readiness: Readiness, *, deadline_seconds: float) -> str:
        """What `readiness` answered.

        Raises:
            ProcessFailed: The process ended, or the deadline passed; quotes the end of its log.
        """
        end = time.monotonic() + deadline_seconds
        while time.monotonic() < end:
            if (answer := readiness()) is not None:
                return answer
            if (code := self._process.poll()) is not None:
                raise self._failure(f"ended with code {code} before it was ready.")
            time.sleep(_PROBE_SECONDS)
        raise self._failure(f"was not ready within {deadline_seconds:.0f} s.")

    def printed(self, pattern: str) -> Readiness:
        """Readiness by a line of the log: answers the pattern's first group."""
        compiled = re.compile(pattern)

        def probe() -> str | None:
            found = compiled.search(self.log_path.read_text(errors="replace"))
            return found[1] if found else None

        return probe

    def stop(self) -> None:
        """Ask the process to leave, wait, then kill what is left of its group. Harmless twice."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        logger.debug("%s (pid %d) stopped", self.name, self.pid)

    def _failure(self, what: str) -> ProcessFailed:
        tail = self.log_path.read_text(errors="replace").strip().splitlines()[-5:]
        return ProcessFailed(
            f"The {self.name} {what} Its log ends: {' | '.join(tail) or '(empty)'}", f"See {str(self.log_path)!r}."
        )


def start_apart(
    command: Sequence[str],
    *,
    environment: Environment,
    stdin: int | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | None = None,
    cwd: Path | None = None,
    holds_interrupts: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process that ends when this one does, and that Ctrl-C in the terminal does not reach.

    Args:
        command: The program and its arguments.
        environment: Added to this process's own environment; None takes a variable out.
        stdin: As for `subprocess.Popen`, like `stdout` and `stderr`.
        stdout: See `stdin`.
        stderr: See `stdin`.
        cwd: Working directory; by default this process's own.
        holds_interrupts: The process begins with SIGINT blocked, and unblocks it itself where it can take it.
    """
    # An interrupt in the middle of a fork would be raised in a callback, where Python ignores it: it waits until after.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        process = subprocess.Popen(
            list(command),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env=_environment(environment),
            # A session of its own: signals of the terminal reach us alone, and we stop the children in order.
            start_new_session=True,
            preexec_fn=partial(_in_child, holds_interrupts),  # noqa: PLW1509 (no threads here)
        )
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        raise
    try:
        # Here an interrupt that waited is raised.
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _environment(changes: Environment) -> dict[str, str]:
    # All that we start talks to addresses of this machine, which no proxy can reach.
    direct = {name: ",".join(filter(None, [os.environ.get(name), _LOOPBACK])) for name in ("NO_PROXY", "no_proxy")}
    merged = {**os.environ, **direct, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _in_child(holds_interrupts: bool) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPTS[1:] if holds_interrupts else _INTERRUPTS)
    if sys.platform == "linux":
        # Nothing is left behind even when the parent is killed with -9. 1 is PR_SET_PDEATHSIG.
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)

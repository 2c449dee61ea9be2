"""What a command costs, run in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of a process and the children that it waited for.

    Args:
        peak_mib: Of the largest of these processes.
        began_at: Seconds since the epoch.
        output: What it printed.
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float
    began_at: float
    output: str = ""


def run_apart(
    command: Sequence[str], *, environment: Mapping[str, str | None] | None = None, cwd: Path | None = None
) -> Cost:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        environment: Added to this process's own; None takes a variable out.
        cwd: Working directory; by default this process's own.

    Raises:
        RuntimeError: It ended with another code than 0; quotes the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "cost.json"
        # Linux counts the memory of the process that starts a program as the program's own: so a small one starts it.
        done = subprocess.run(
            [sys.executable, "-S", "-E", __file__, str(result), *command],
            env={k: v for k, v in {**os.environ, **(environment or {})}.items() if v is not None},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{tail}")
        return Cost(**json.loads(result.read_text()), output=done.stdout)


def _measure(result: str, command: Sequence[str]) -> int:
    began_at, began = time.time(), time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    told = {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "wall_seconds": time.monotonic() - began,
        "peak_mib": usage.ru_maxrss / 1024,
        "began_at": began_at,
    }
    Path(result).write_text(json.dumps(told))
    return process.returncode


if __name__ == "__main__":
    sys.exit(_measure(sys.argv[1], sys.argv[2:]))

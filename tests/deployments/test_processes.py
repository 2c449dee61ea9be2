"""Child processes: ready by a deadline, never left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployments.processes import ChildProcess, ProcessFailed


def child(tmp_path: Path, program: str) -> ChildProcess:
    return ChildProcess("thing", [sys.executable, "-c", program], environment={}, log_path=tmp_path / "thing.log")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has reaped yet is not alive.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_dead(pid: int) -> None:
    end = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} lives on"
        time.sleep(0.05)


def test_a_line_of_the_log_tells_that_the_child_is_ready(tmp_path: Path):
    with child(tmp_path, "import time; print('listening on 4711', flush=True); time.sleep(60)") as thing:
        assert thing.wait_until_ready(thing.printed(r"listening on (\d+)"), deadline_seconds=30) == "4711"


def test_a_child_that_ends_early_is_an_error_that_quotes_its_log(tmp_path: Path):
    with (
        child(tmp_path, "print('no such file'); raise SystemExit(3)") as thing,
        pytest.raises(ProcessFailed, match=r"thing ended with code 3 .*no such file"),
    ):
        thing.wait_until_ready(thing.printed("(never)"), deadline_seconds=30)


def test_a_child_that_is_never_ready_is_an_error_at_the_deadline(tmp_path: Path):
    with (
        child(tmp_path, "import time; time.sleep(60)") as thing,
        pytest.raises(ProcessFailed, match="not ready within 0 s"),
    ):
        thing.wait_until_ready(thing.printed("(never)"), deadline_seconds=0.3)


def test_a_child_that_ignores_the_request_to_leave_is_killed_with_its_own_children(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("deployments.processes._STOP_SECONDS", 0.5)
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(f'inner {inner.pid}', flush=True)\n"
        "time.sleep(60)\n"
    )
    with child(tmp_path, program) as thing:
        inner = int(thing.wait_until_ready(thing.printed(r"inner (\d+)"), deadline_seconds=30))
    wait_until_dead(thing.pid)
    wait_until_dead(inner)


def test_stopping_twice_is_harmless(tmp_path: Path):
    thing = child(tmp_path, "import time; time.sleep(60)")
    thing.stop()
    thing.stop()
    wait_until_dead(thing.pid)


def test_a_flow_whose_parent_was_killed_is_ended_when_it_has_had_time_to_cancel_its_jobs():
    program = (
        "from deployments import flow_process\n"
        "flow_process._LOOK_SECONDS, flow_process._CANCEL_SECONDS = 0.05, 0.1\n"
        "flow_process._end_after(0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_child_does_not_outlive_a_parent_that_is_killed(tmp_path: Path):
    program = (
        "import sys, time; from pathlib import Path; from deployments.processes import ChildProcess\n"
        "thing = ChildProcess('thing', [sys.executable, '-c', 'import time; time.sleep(60)'], environment={},"
        f" log_path=Path({str(tmp_path / 'inner.log')!r}))\n"
        "print(thing.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until_dead(pid)

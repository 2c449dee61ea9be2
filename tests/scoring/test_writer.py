"""Who is at a run: only a process that has surely ended on this very machine is taken for gone."""

import os
import subprocess
import sys

import pytest

from scoring.writer import Writer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by /proc")


def process_that_tells_who_it_is(repository):
    program = (
        "from scoring.writer import Writer; print(Writer.here(session='s').model_dump_json(), flush=True); input()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository
    )


def test_a_process_is_gone_when_it_has_ended_also_before_anybody_has_waited_for_it(repository):
    with process_that_tells_who_it_is(repository) as process:
        writer = Writer.model_validate_json(process.stdout.readline())
        assert writer.pid == process.pid
        assert not writer.is_surely_gone
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert writer.is_surely_gone
    assert writer.is_surely_gone


def test_this_process_is_not_gone():
    assert not Writer.here(session="s").is_surely_gone


def test_a_process_id_that_was_given_again_is_another_process():
    mine = Writer.here(session="s")
    machine, pid, started = mine.process.rsplit(" ", 2)
    assert mine.model_copy(update={"process": f"{machine} {pid} {int(started) - 1}"}).is_surely_gone


@pytest.mark.parametrize("process", ["", "another-boot/pid:[1] 1 1"])
def test_nothing_is_known_of_processes_elsewhere(process):
    assert not Writer.here(session="s").model_copy(update={"pid": 1, "process": process}).is_surely_gone


def test_people_read_where_it_is_and_since_when():
    text = str(Writer.here(session="s", flow_run="wise-owl"))
    assert f"process {os.getpid()} on '{os.uname().nodename}', flow run wise-owl, since 20" in text

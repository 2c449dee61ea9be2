import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor

import pytest

from service.workers import WorkerProcesses
from tests.service.running import wait_until

SECONDS = 30


@pytest.fixture
def workers() -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(2)
    yield workers
    workers.shutdown()
    wait_until(lambda: not multiprocessing.active_children())


def test_work_runs_in_other_processes(workers: WorkerProcesses) -> None:
    assert workers.submit(os.getpid).result(SECONDS) != os.getpid()


def test_process_that_dies_takes_only_its_own_work_with_it(workers: WorkerProcesses) -> None:
    doomed, other = workers.submit(os._exit, 1), workers.submit(time.sleep, 0.5)
    with pytest.raises(BrokenExecutor):
        doomed.result(SECONDS)
    assert other.result(SECONDS) is None


def test_dead_process_is_replaced(workers: WorkerProcesses) -> None:
    for _ in range(3):
        with pytest.raises(BrokenExecutor):
            workers.submit(os._exit, 1).result(SECONDS)
    assert workers.submit(abs, -1).result(SECONDS) == 1


def test_idle_process_that_was_killed_is_replaced(workers: WorkerProcesses) -> None:
    os.kill(workers.submit(os.getpid).result(SECONDS), signal.SIGKILL)
    assert wait_until(lambda: works(workers))


def works(workers: WorkerProcesses) -> bool:
    try:
        return workers.submit(abs, -1).result(SECONDS) == 1
    except BrokenExecutor:
        # The work came before the news of the death.
        return False


def test_work_is_ended_at_once_and_its_process_is_replaced(workers: WorkerProcesses) -> None:
    long, other = workers.submit(time.sleep, SECONDS), workers.submit(time.sleep, 0.5)
    wait_until(long.running)
    workers.end(long)
    with pytest.raises(BrokenExecutor):
        long.result(5)
    assert other.result(SECONDS) is None
    assert [workers.submit(abs, -2).result(SECONDS) for _ in range(2)] == [2, 2]


def test_ending_work_that_is_done_harms_nobody(workers: WorkerProcesses) -> None:
    done = workers.submit(abs, -3)
    assert done.result(SECONDS) == 3
    running = [workers.submit(time.sleep, 0.3) for _ in range(2)]
    workers.end(done)
    assert [future.result(SECONDS) for future in running] == [None, None]


def test_workers_that_are_shut_down_take_no_work(workers: WorkerProcesses) -> None:
    workers.shutdown()
    with pytest.raises(BrokenExecutor):
        workers.submit(abs, -1)

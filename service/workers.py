"""What runs the scoring: processes of this machine, each of which can die or be ended without harm to the others."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, Protocol, TypeVar

from service.settings import ServiceSettings

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

PRELOADED = ["service.scoring", "service.rrs", "service.workers"]
"""Imported once by the server that the worker processes are forked from; the last is what each of them begins with."""


START_SECONDS = 60
"""A process that has not started by then will not."""


class Workers(Protocol):
    """Something that runs functions elsewhere."""

    @property
    def capacity(self) -> int:
        """How many functions run at the same time."""

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> "Future[Result]":
        """Run a function; its future fails with `BrokenExecutor` when what ran it is gone."""

    def end(self, future: "Future[Result]") -> None:
        """Stop what runs for `future`, now."""

    def shutdown(self) -> None:
        """Stop everything, now."""


class WorkerProcesses:
    """Worker processes, each an executor of its own, so that one that dies takes only its own work with it.

    Args:
        n_processes: How many there are; work beyond that waits.
    """

    def __init__(self, n_processes: int) -> None:
        self._context = _context()
        self._lock = threading.Lock()
        self._is_shut_down = False
        self._slots = [_Slot(self._context) for _ in range(n_processes)]

    @property
    def capacity(self) -> int:
        """How many functions run at the same time."""
        return len(self._slots)

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> "Future[Result]":
        """Run a function in the process that has least to do."""
        with self._lock:
            if self._is_shut_down:
                message = "the workers are shut down"
                raise BrokenExecutor(message)
            slot = min(self._slots, key=lambda candidate: len(candidate.futures))
            return slot.submit(function, *args, **kwargs)

    def end(self, future: "Future[Result]") -> None:
        """End the process that runs for `future`; a new one takes its place when there is work."""
        with self._lock:
            for slot in self._slots:
                if future in slot.futures:
                    slot.end()

    def shutdown(self) -> None:
        """End all processes, whatever they do."""
        with self._lock:
            self._is_shut_down = True
            for slot in self._slots:
                slot.end()


class _Slot:
    """One process and what it has to do."""

    def __init__(self, context: BaseContext) -> None:
        self._context = context
        self._executor: Executor | None = None
        self._process_id = 0
        self.futures: set[Future[Any]] = set()

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> "Future[Result]":
        try:
            future = self._alive().submit(function, *args, **kwargs)
        except BrokenExecutor:
            self._executor = None
            future = self._alive().submit(function, *args, **kwargs)
        self.futures.add(future)
        future.add_done_callback(self.futures.discard)
        return future

    def _alive(self) -> Executor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(1, mp_context=self._context, initializer=_prepare_worker)
            try:
                self._process_id = self._executor.submit(os.getpid).result(START_SECONDS)
            except TimeoutError as error:
                message = f"a worker process did not start within {START_SECONDS} seconds"
                raise BrokenExecutor(message) from error
        return self._executor

    def end(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process_id, signal.SIGTERM)
            executor.shutdown(wait=False, cancel_futures=True)


def _context() -> BaseContext:
    # Forking a process that has threads may copy a held lock; the fork server has none.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _prepare_worker() -> None:
    """Leave Ctrl-C to the service, end when asked to, and never outlive it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_service, name="end-with-the-service", daemon=True).start()


def _end_with_the_service() -> None:
    service = multiprocessing.parent_process()
    if service is not None:
        service.join()
        os._exit(1)


def make_workers(settings: ServiceSettings) -> Workers:
    """What runs the jobs, as the settings say."""
    if settings.executor == "dask":
        # An optional package, imported only here.
        from service.dask_workers import DaskWorkers

        return DaskWorkers(settings.dask_scheduler or "")
    return WorkerProcesses(settings.worker_processes)

"""Runs flows in the process of the tests, where all is loaded: a process of its own costs several times the run."""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

RunHere = Callable[..., Any]


@pytest.fixture(scope="session")
def run_here(repository: Path) -> RunHere:
    """`run_here(flow, *arguments, environment={...})` gives what the flow returns, or raises what ends it."""

    def run(flow: Flow[..., Any], *arguments: Any, environment: dict[str, str], **parameters: Any) -> Any:
        settings = {
            PREFECT_API_URL: environment["PREFECT_API_URL"],
            PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: environment["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"],
        }
        with pytest.MonkeyPatch.context() as here, temporary_settings(settings), unclosed_connections():
            here.chdir(repository)
            for name, value in environment.items():
                here.setenv(name, value)
            send_all()
            try:
                return asyncio.run(flow(*arguments, **parameters))
            finally:
                send_all()

    return run


def send_all() -> None:
    """Send what is left of events and log lines, as the end of a process does; the next ones go to their own server."""
    EventsWorker.drain_all()
    APILogWorker.drain_all()


@contextlib.contextmanager
def unclosed_connections() -> Iterator[None]:
    """Lets connections be left to the end of the process, as Prefect leaves those of its clients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()

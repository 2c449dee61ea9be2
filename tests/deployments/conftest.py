"""Calls the command line in this process, where all is imported; its flows have processes of their own, as always."""

import contextlib
import io
import logging
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.cli import main
from deployments.console import OUR_LOGGERS

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def container() -> str:
    """One of the test's own, since the same work is not done twice."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def keep_process() -> Iterator[None]:
    """Puts back what the command line changes of its process: it takes interrupts, and lets our packages speak."""
    taken = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in taken}
    loggers = [logging.getLogger(name) for name in (*OUR_LOGGERS, "urllib3")]
    levels = [(logger, logger.level) for logger in loggers]
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for logger, level in levels:
        logger.setLevel(level)


@pytest.fixture
def cli(
    repository: Path, tmp_path: Path, container: str, capfd: pytest.CaptureFixture[str], keep_process: None
) -> RunCli:
    """`cli("run", ..., environment={...})` from the repository's root, with results below `tmp_path / "runs"`."""
    own = {"BATCH_SCORING_STORAGE_CONTAINER": container, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")}

    def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as here:
            here.chdir(repository)
            for name, value in {**environment, **own}.items():
                here.setenv(name, value)
            capfd.readouterr()
            code = exit_code(arguments)
            return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


def prefect_command(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command that speaks to the Prefect server of `environment`, in this process, where Prefect is imported."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as here:
        for name, value in environment.items():
            here.setenv(name, value)
        api = environment["PREFECT_API_URL"] or None
        with (
            temporary_settings({PREFECT_API_URL: api}),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = exit_code(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def exit_code(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        # How the parser of arguments ends. Python would print a text and end with 1.
        if isinstance(ended.code, str):
            sys.stderr.write(ended.code)
            return 1
        return ended.code or 0

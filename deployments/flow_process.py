"""Runs the flow in a process of its own.

When that process ends, Prefect has sent its last log lines and events, so the server may be stopped; and an interrupted
run cancels its jobs there while this side waits.
"""

import asyncio
import atexit
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bes.errors import ConfigurationError, ScoringError
from bes.redaction import redact
from bes.settings import EndpointSettings, StorageSettings
from deployments.console import progress_on
from deployments.processes import Environment, start_apart
from scoring.contract.docs.asking import begin_evaluator
from scoring.gates.settings import GateSettings
from scoring.late_imports import without_garbage_collection
from scoring.report.naming import named_report
from scoring.requeue.summary import RequeueSummary
from scoring.settings import RunSettings
from scoring.summary import RunSummary

_SETTINGS = (EndpointSettings, StorageSettings, RunSettings, GateSettings)

INTERRUPTED = "Interrupted. What was started is stopped; nothing was published. A run that is made again goes on."
INTERRUPTED_CODE = 130
"""Exit code of a program ended by Ctrl-C, as shells have it."""

_CANCEL_SECONDS = 60.0
"""An interrupted run cancels its jobs, and Prefect sends its last events; then it is killed."""

_LOOK_SECONDS = 5.0
"""How soon the end of the parent is noticed."""


class FlowParameters(BaseModel):
    """What `flows.batch_scoring` is called with."""

    model_config = ConfigDict(frozen=True)

    inputs: list[str]
    contract: str
    rows_per_job: int | None
    bytes_per_job: int | None = None
    run_date: date | None = None
    rescore: bool = False
    gates: dict[str, str] | None = None


class RequeueParameters(BaseModel):
    """What `flows.requeue` is called with."""

    model_config = ConfigDict(frozen=True)

    run_key: str
    fixed: str
    contract: str | None = None
    also_unchanged: bool = False


class FlowResult(BaseModel):
    """What came of it: a summary, or an error with its exit code and the report of the run, where one was written."""

    model_config = ConfigDict(frozen=True)

    summary: RequeueSummary | RunSummary | None = None
    error: str | None = None
    exit_code: int = 0
    report: Path | None = None


_PARAMETERS: TypeAdapter[FlowParameters | RequeueParameters] = TypeAdapter(FlowParameters | RequeueParameters)


def run_flow(parameters: FlowParameters | RequeueParameters, *, environment: Environment, verbose: bool) -> FlowResult:
    """Run the flow to its end; progress goes to this process's standard error.

    When this process is interrupted before the run is published, its jobs are cancelled, and the result says so.
    """
    command = [sys.executable, "-m", "deployments.flow_process", *(["--verbose"] if verbose else [])]
    process = start_apart(
        command, environment=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, holds_interrupts=True
    )
    try:
        output, _ = process.communicate(parameters.model_dump_json().encode())
    except KeyboardInterrupt:
        result = _result_of(_interrupt(process), process)
        if result.summary is None and process.returncode == 0:
            return FlowResult(error=INTERRUPTED, exit_code=INTERRUPTED_CODE, report=result.report)
        return result
    except BaseException:
        process.kill()
        process.wait()
        raise
    return _result_of(output, process)


def _result_of(output: bytes, process: subprocess.Popen[bytes]) -> FlowResult:
    if process.returncode == -signal.SIGKILL:
        error = (
            "The flow's process was killed, perhaps because memory ran out. Its jobs may still run. Run again: they are"
            " taken up, and none is scored twice."
        )
        return FlowResult(error=error, exit_code=1)
    try:
        return FlowResult.model_validate_json(output)
    except ValidationError:
        return FlowResult(error=f"The flow's process ended with code {process.returncode}. Run again.", exit_code=1)


def _interrupt(process: subprocess.Popen[bytes]) -> bytes:
    """Pass the interrupt on, and wait until the flow has cancelled its jobs; gives what it still said."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=_CANCEL_SECONDS)[0]
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        return process.communicate()[0]


def settings_problem(error: ValidationError) -> str:
    """A wrong setting in one sentence, with the name of its variable."""
    first = error.errors(include_url=False, include_input=False)[0]
    prefixes = {settings.__name__: settings.model_config["env_prefix"] for settings in _SETTINGS}
    name = prefixes.get(error.title, "") + "_".join(str(part) for part in first["loc"]).upper()
    return f"The setting {name} is wrong: {first['msg']}. Mend it and run again."


def system_problem(error: OSError) -> str:
    """What the system refuses, with the file that it names; it names none where a disk is full."""
    where = repr(error.filename) if error.filename else f"a file below {str(RunSettings().data_dir)!r}"
    return f"{error.strerror or error}: {where}. Check the path and the disk, then run again: it goes on."


def _main() -> None:
    # The parent may have been started with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = sys.stdin.read()
    if not given:
        return  # the parent was interrupted before it could say what to run
    threading.Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()
    # Or the end of the process would look for garbage among all that was loaded, which takes half a second.
    atexit.register(gc.freeze)
    # Before anything else, since it takes longer than all that is loaded here meanwhile.
    begin_evaluator()
    parameters = _PARAMETERS.validate_json(given)
    with progress_on(sys.stderr, verbose="--verbose" in sys.argv):
        print(_result(parameters).model_dump_json(), flush=True)


def _end_after(parent: int) -> None:
    """End this process when its parent was killed.

    The signal of that makes the flow cancel its jobs; then Prefect would try for minutes to reach a server that has
    ended with the parent.
    """
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    time.sleep(_CANCEL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _result(parameters: FlowParameters | RequeueParameters) -> FlowResult:
    flow = _flow_of(parameters)
    try:
        # An interrupt is of use only now: before there is nothing to cancel, later Prefect sends its last events.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        try:
            summary = asyncio.run(flow(**parameters.model_dump()))
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (told in one line; the run's page has the traceback)
        text, exit_code = _in_words(error)
        return FlowResult(error=text, exit_code=exit_code, report=named_report(error))
    return FlowResult(summary=summary)


def _in_words(error: BaseException) -> tuple[str, int]:
    """What ended the flow, and the exit code."""
    match error:
        case ScoringError():
            return str(error), error.exit_code
        case ValidationError():
            return settings_problem(error), ConfigurationError.exit_code
        case OSError():
            return system_problem(error), ConfigurationError.exit_code
        case KeyboardInterrupt():
            return INTERRUPTED, INTERRUPTED_CODE
    return f"Unexpected {type(error).__name__}: {redact(str(error))}. See the run's page.", 1


def _flow_of(parameters: FlowParameters | RequeueParameters) -> Callable[..., Coroutine[Any, Any, Any]]:
    # Imported here, since the parent needs none of it: it takes two seconds, and half as much again with garbage.
    with without_garbage_collection():
        if isinstance(parameters, RequeueParameters):
            from flows.requeue import requeue

            return requeue
        from flows.batch_scoring import batch_scoring

        return batch_scoring


if __name__ == "__main__":
    _main()

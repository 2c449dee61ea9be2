"""Runs the flow in a process of its own.

When that process ends, Prefect has sent its last log lines and events, so the server may be stopped; and an interrupted
run cancels its jobs there while this side waits.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from bes.errors import ScoringError
from deployments.console import progress_on
from deployments.processes import start_apart
from scoring.summary import RunSummary

_CANCEL_SECONDS = 60.0
"""An interrupted run cancels its jobs, and Prefect sends its last events; then it is killed."""


class FlowParameters(BaseModel):
    """What `flows.batch_scoring` is called with."""

    model_config = ConfigDict(frozen=True)

    inputs: list[str]
    contract: str
    rows_per_job: int | None


class FlowResult(BaseModel):
    """What came of it: a summary, or an error with its exit code."""

    model_config = ConfigDict(frozen=True)

    summary: RunSummary | None = None
    error: str | None = None
    exit_code: int = 0


def run_flow(parameters: FlowParameters, *, environment: Mapping[str, str], verbose: bool) -> FlowResult:
    """Run the flow to its end; progress goes to this process's standard error.

    Raises:
        KeyboardInterrupt: This process was interrupted; the flow has been told, and has ended.
    """
    command = [sys.executable, "-m", "deployments.flow_process", *(["--verbose"] if verbose else [])]
    process = start_apart(
        command, environment=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, holds_interrupts=True
    )
    try:
        output, _ = process.communicate(parameters.model_dump_json().encode())
    except BaseException:
        _interrupt(process)
        raise
    try:
        return FlowResult.model_validate_json(output)
    except ValidationError:
        return FlowResult(error=f"The flow's process ended with code {process.returncode}. Run again.", exit_code=1)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_CANCEL_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()


def _main() -> None:
    given = sys.stdin.read()
    if not given:
        return  # the parent was interrupted before it could say what to run
    parameters = FlowParameters.model_validate_json(given)
    with progress_on(sys.stderr, verbose="--verbose" in sys.argv):
        print(_result(parameters).model_dump_json(), flush=True)


def _result(parameters: FlowParameters) -> FlowResult:
    # Imported here, since the parent needs none of it: it takes two seconds.
    from flows.batch_scoring import batch_scoring

    try:
        # An interrupt is of use only now: before there is nothing to cancel, later Prefect sends its last events.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        try:
            summary = asyncio.run(batch_scoring(parameters.inputs, parameters.contract, parameters.rows_per_job))
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    except ScoringError as error:
        return FlowResult(error=str(error), exit_code=error.exit_code)
    except KeyboardInterrupt:
        return FlowResult(error="Interrupted.", exit_code=1)
    return FlowResult(summary=summary)


if __name__ == "__main__":
    _main()

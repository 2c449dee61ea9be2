"""Runs the flow in a process of its own.

When that process ends, Prefect has sent its last log lines and events, so the server may be stopped; and an interrupted
run cancels its jobs there while this side waits.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationError

from bes.errors import ScoringError
from deployments.console import progress_on
from deployments.processes import die_with_parent
from scoring.summary import RunSummary

_CANCEL_SECONDS = 60.0
"""An interrupted run cancels its jobs, and Prefect sends its last events; then it is killed."""


class FlowParameters(BaseModel):
    """What `flows.batch_scoring` is called with."""

    model_config = ConfigDict(frozen=True)

    inputs: list[str]
    contract: str
    rows_per_job: int | None
    run_date: date | None = None
    rescore: bool = False


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
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.flow_process", *(["--verbose"] if verbose else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        # A session of its own: Ctrl-C reaches us alone, and we pass it on once.
        start_new_session=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads here)
    )
    with process:
        try:
            output, _ = process.communicate(parameters.model_dump_json().encode())
        except KeyboardInterrupt:
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
    parameters = FlowParameters.model_validate(json.load(sys.stdin))
    with progress_on(sys.stderr, verbose="--verbose" in sys.argv):
        print(_result(parameters).model_dump_json(), flush=True)


def _result(parameters: FlowParameters) -> FlowResult:
    # Imported here, since the parent needs none of it: it takes two seconds.
    from flows.batch_scoring import batch_scoring

    try:
        summary = asyncio.run(batch_scoring(**parameters.model_dump()))
    except ScoringError as error:
        return FlowResult(error=str(error), exit_code=error.exit_code)
    except KeyboardInterrupt:
        return FlowResult(error="Interrupted.", exit_code=1)
    return FlowResult(summary=summary)


if __name__ == "__main__":
    _main()

"""The command line: one parser; commands of some size are in modules of their own, such as `deploy_cli`.

What only one command needs is imported where it runs: all together would hold up each of them by a second.
"""

import argparse
import atexit
import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn, get_args

from pydantic import ValidationError

from bes.errors import ConfigurationError, ScoringError
from deployments.arguments import add_input_arguments
from deployments.automations_cli import add_automations_commands
from deployments.console import progress_on, say, show, summary_text
from deployments.contract_cli import add_contract_commands
from deployments.deploy_cli import add_deploy_command
from deployments.embedded import environment_of, surroundings
from deployments.flow_process import (
    INTERRUPTED,
    INTERRUPTED_CODE,
    FlowParameters,
    run_flow,
    settings_problem,
    system_problem,
)
from deployments.plan_cli import add_plan_command
from deployments.requeue_cli import add_requeue_command
from deployments.serve_cli import add_serve_commands
from scoring.contract.loading import load_contract
from scoring.gates.settings import GATES, Action, GateSettings
from scoring.inputs import find_inputs
from scoring.run_dates import on_run_date
from scoring.settings import RunSettings
from scoring.summary import RunSummary

_DATA = Path(__file__).parent.parent / "data"
SAMPLE = _DATA / "samples" / "book_reviews.csv"
SAMPLE_CONTRACT = _DATA / "contracts" / "book_reviews.yaml"
SAMPLE_ROWS_PER_JOB = 250
"""Small, so that the demo shows several jobs side by side."""
_JSON_KEYS = [name for name in RunSummary.model_fields if name != "data_docs"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 service, 2 input or settings, 3 gate, 130 interrupted."""
    # Or the end of the process would look for garbage among all that was loaded, which takes 0.2 s.
    atexit.register(gc.freeze)
    options = _parser().parse_args(arguments)
    _take_interrupts()
    with progress_on(sys.stderr, verbose=options.verbose):
        try:
            return int(options.command(options))
        except ScoringError as error:
            return _fail(options, error.exit_code, str(error))
        except ValidationError as error:
            return _fail(options, ConfigurationError.exit_code, settings_problem(error))
        except BrokenPipeError:
            # Whoever read our output has gone; what the command did is done. Nothing is left to write to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            return _fail(options, ConfigurationError.exit_code, system_problem(error))
        except KeyboardInterrupt:
            return _fail(options, INTERRUPTED_CODE, INTERRUPTED)


def _take_interrupts() -> None:
    # In the background of a script, shells start programs with SIGINT ignored, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="batch-scoring", description="Score CSV files through an Azure ML web service."
    )
    parser.add_argument("--verbose", action="store_true", help="log more")
    parser.set_defaults(json_keys=_JSON_KEYS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="score the sample on the embedded default")
    demo.set_defaults(command=_demo, json=False)

    run = commands.add_parser("run", help="score CSV files")
    add_input_arguments(run)
    run.add_argument("--rescore", action="store_true", help="score again, although the result is published")
    run.add_argument(
        "--gate", action="append", type=_gate, metavar="GATE=ACTION", default=[], help="off, warn or stop for this run"
    )
    run.set_defaults(command=_run)

    add_plan_command(commands)
    add_requeue_command(commands)
    add_contract_commands(commands)
    add_automations_commands(commands)

    rollback = commands.add_parser("rollback", help="point back to the version of a dataset before the latest one")
    rollback.add_argument("dataset", metavar="DATASET", help="name of the contract")
    rollback.add_argument("--if-latest", metavar="VERSION", help="only if this is the latest: its run or its folder")
    rollback.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    rollback.set_defaults(command=_rollback)

    add_deploy_command(commands)
    add_serve_commands(commands)

    rrs = commands.add_parser("rrs", help="score one text at once (RRS)")
    rrs.add_argument("text")
    rrs.add_argument("--contract", default=str(SAMPLE_CONTRACT), help="contract that names the port and its column")
    rrs.set_defaults(command=_rrs, json=False)
    return parser


def _gate(text: str) -> tuple[str, str]:
    gate, _, action = text.partition("=")
    if gate not in GATES or action not in get_args(Action):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one of {', '.join(GATES)} with {' or '.join(f'={action}' for action in get_args(Action))}"
        )
    return gate, action


def _demo(options: argparse.Namespace) -> int:
    contract = str(SAMPLE_CONTRACT)
    parameters = FlowParameters(inputs=[str(SAMPLE)], contract=contract, rows_per_job=SAMPLE_ROWS_PER_JOB)
    return _score(options, parameters, use_settings=False)


def _run(options: argparse.Namespace) -> int:
    parameters = FlowParameters(
        # Filled in here, so that an input that is missing is told by its whole name before anything is started.
        inputs=on_run_date(options.inputs, options.run_date or datetime.now(UTC).date()),
        contract=options.contract,
        rows_per_job=options.rows_per_job,
        bytes_per_job=options.bytes_per_job,
        run_date=options.run_date,
        rescore=options.rescore,
        gates=dict(options.gate) or None,
    )
    return _score(options, parameters, use_settings=True)


def _score(options: argparse.Namespace, parameters: FlowParameters, *, use_settings: bool) -> int:
    # What is wrong at a glance is told before anything is started.
    find_inputs(parameters.inputs)
    load_contract(parameters.contract, RunSettings().contracts_dir)
    GateSettings()
    with surroundings(use_settings=use_settings, with_prefect=True) as chosen:
        result = run_flow(parameters, environment=environment_of(chosen), verbose=options.verbose)
    if result.summary is None:
        return _fail(options, result.exit_code, result.error or "", report=result.report)
    as_json = result.summary.model_dump_json(exclude={"data_docs"})
    show(as_json if options.json else summary_text(result.summary))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from bes.blobs import BlobStore
    from scoring.versions import roll_back

    with (
        surroundings(use_settings=True, with_prefect=False) as chosen,
        BlobStore(chosen.storage) as store,
    ):
        latest = roll_back(store.documents(), options.dataset, if_latest=options.if_latest)
    as_json = latest.current.model_dump_json()
    show(as_json if options.json else f"The latest version of {options.dataset} is now {latest.current.folder}.")
    return 0


def _rrs(options: argparse.Namespace) -> int:
    from bes.client import BesClient
    from bes.protocol import ExecuteRequest, Table

    contract = load_contract(options.contract, RunSettings().contracts_dir)
    port, columns = next(iter(contract.inputs.items()))
    table = Table(column_names=list(columns), values=[[options.text, *[""] * (len(columns) - 1)]])
    with (
        surroundings(use_settings=True, with_prefect=False) as chosen,
        BesClient(chosen.endpoint) as client,
    ):
        response = client.execute(ExecuteRequest(inputs={port: table}, global_parameters={}))
    for output in response.results.values():
        for row in output.value.values:
            show(" ".join(str(cell) for cell in row))
    return 0


def _fail(options: argparse.Namespace, exit_code: int, message: str, *, report: Path | None = None) -> int:
    say(f"error: {message}")
    known = {"status": "failed", "error": message}
    if report is not None:
        say(f"report: {report}")
        known["report"] = str(report)
    if options.json:
        show(json.dumps({**dict.fromkeys(options.json_keys), **known}))
    return exit_code


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

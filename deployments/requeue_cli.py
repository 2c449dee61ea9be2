"""The command that works off a quarantine: `batch-scoring requeue`."""

import argparse
from pathlib import Path
from typing import Final

from bes.errors import InputError, ScoringError
from deployments.console import show, summary_text
from deployments.embedded import environment_of, surroundings
from deployments.flow_process import RequeueParameters, run_flow
from scoring.contract.loading import load_contract
from scoring.counted import counted
from scoring.requeue.summary import RequeueSummary
from scoring.settings import RunSettings

REQUEUE_KEYS: Final = tuple(name for name in RequeueSummary.model_fields if name != "data_docs")
"""What `requeue --json` prints."""


class _Failed(ScoringError):
    """What a flow told of its own end, in a process of its own."""

    def __init__(self, what: str, exit_code: int) -> None:
        super().__init__(what, "", exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.what


def add_requeue_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `requeue` to the command line."""
    requeue = commands.add_parser("requeue", help="score the mended rows of a run's quarantine, and publish it anew")
    requeue.add_argument("run", metavar="RUN", help="run_key of the published run")
    requeue.add_argument(
        "--fixed", required=True, type=Path, metavar="FILE", help="its quarantine.csv, with the column `raw` mended"
    )
    requeue.add_argument("--contract", help="name of the run's contract, or path of its YAML file")
    requeue.add_argument(
        "--also-unchanged", action="store_true", help="score rows of the file that were not changed as well"
    )
    requeue.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    requeue.set_defaults(command=_requeue, json_keys=REQUEUE_KEYS)


def _requeue(options: argparse.Namespace) -> int:
    # What is wrong at a glance is told before anything is started.
    if not options.fixed.is_file():
        raise InputError(f"There is no file {str(options.fixed)!r}.", "Name a copy of the run's quarantine.csv.")
    if options.contract is not None:
        load_contract(options.contract, RunSettings().contracts_dir)
    parameters = RequeueParameters(
        run_key=options.run,
        fixed=str(options.fixed.resolve()),
        contract=options.contract,
        also_unchanged=options.also_unchanged,
    )
    with surroundings(use_settings=True, with_prefect=True) as chosen:
        result = run_flow(parameters, environment=environment_of(chosen), verbose=options.verbose)
    if not isinstance(result.summary, RequeueSummary):
        raise _Failed(result.error or "The flow said nothing.", result.exit_code)
    show(result.summary.model_dump_json(exclude={"data_docs"}) if options.json else _in_words(result.summary))
    return 0


def _in_words(summary: RequeueSummary) -> str:
    refused = f", {summary.n_refused_again:,} refused again" if summary.n_refused_again else ""
    before = " before" if summary.published_before else ""
    requeued = f"{counted(summary.n_requeued, 'mended row')} scored{refused}; published{before} as {summary.published}."
    return f"{summary_text(summary)}\n\n{requeued}"

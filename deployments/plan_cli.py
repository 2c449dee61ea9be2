"""The command that tells what a run would do, and touches nothing: `batch-scoring plan`."""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bes.settings import EndpointSettings, StorageSettings
from deployments.arguments import add_input_arguments
from deployments.console import show
from scoring.contract.docs.asking import begin_evaluator
from scoring.counted import counted
from scoring.gates.settings import GateSettings
from scoring.run_dates import on_run_date
from scoring.settings import RunSettings

if TYPE_CHECKING:
    from bes.documents import Documents
    from scoring.forecast import Forecast

_OVER_BUDGET = 2


def add_plan_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `plan` to the command line."""
    plan = commands.add_parser("plan", help="tell what a run would do, without touching anything")
    add_input_arguments(plan)
    plan.set_defaults(command=_plan)


def _plan(options: argparse.Namespace) -> int:
    begin_evaluator()
    # Imported here, since the other commands do without it: it takes half a second.
    from scoring.forecast import Forecast, forecast
    from scoring.validation import validate_and_plan

    # What `--json` prints.
    options.json_keys = tuple(Forecast.model_fields)
    settings, endpoint = RunSettings(), EndpointSettings()
    day = options.run_date or datetime.now(UTC).date()
    # Quarantine and Data Docs of the check go where nobody looks for those of a run.
    with tempfile.TemporaryDirectory(prefix="batch-scoring-plan-") as aside, _documents() as documents:
        changes = {
            "data_dir": Path(aside),
            "rows_per_job": options.rows_per_job or settings.rows_per_job,
            "bytes_per_job": options.bytes_per_job or settings.bytes_per_job,
        }
        settings = settings.model_copy(update=changes)
        inputs = on_run_date(options.inputs, day)
        plan = validate_and_plan(inputs, options.contract, settings=settings, endpoint=endpoint, attempt="plan")
        plan = replace(plan, gates=GateSettings())
        told = forecast(
            plan, settings=settings, run_date=day, documents=documents, is_key_known=endpoint.url is not None
        )
    show(told.model_dump_json() if options.json else _in_words(told))
    return _OVER_BUDGET if told.over_budget else 0


@contextlib.contextmanager
def _documents() -> "Iterator[Documents | None]":
    from bes.blobs import BlobStore

    storage = StorageSettings()
    if storage.connection_string is None and storage.account_url is None:
        yield None
        return
    with BlobStore(storage) as store:
        yield store.documents() if store.has_container() else None


def _in_words(told: "Forecast") -> str:
    rows = [
        ("rows in", f"{told.n_input:,}"),
        ("to score", f"{told.n_accepted:,}"),
        ("quarantined", f"{told.n_quarantined:,}"),
        ("jobs", f"{told.n_jobs:,}"),
        ("to upload", f"{told.sent_bytes:,} bytes"),
        ("calls", f"about {told.gateway_calls:,} through the gateway"),
        ("duration", _duration(told)),
        ("publishes", told.publishes or "unknown: no web service is set"),
    ]
    ends = [f"Over budget: {broken}." for broken in told.over_budget]
    return "\n".join([_verdict(told), "", *(f"  {name:<12} {value}" for name, value in rows), *ends])


def _verdict(told: "Forecast") -> str:
    states = {
        "published": f"Run {told.run_key} is published already: nothing would be scored again.",
        "open": f"Run {told.run_key} was begun before and would go on where it stands.",
        "stopped": f"Run {told.run_key} was given up before and would go on where it stands.",
    }
    return states.get(told.state or "", f"A run of {told.contract} would score {counted(told.n_accepted, 'row')}.")


def _duration(told: "Forecast") -> str:
    if told.expected_seconds is None and told.publishes is None:
        # Those of the embedded default are not seen while it is stopped.
        return "unknown: no web service is set, whose runs would tell"
    if told.expected_seconds is None:
        return "unknown: no run of this data set is published"
    return f"about {told.expected_seconds:,.0f} s, going by {told.based_on}"

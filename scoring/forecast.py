"""What a run would do: shards, calls and bytes, how long it would take, and what it would publish."""

from collections.abc import Sequence
from datetime import date
from statistics import median

from pydantic import BaseModel, ConfigDict

from bes.documents import Documents
from bes.errors import ConfigurationError
from bes.pacing import is_like, seconds_between
from scoring.csv_text import header_as_csv, rows_as_csv
from scoring.journal import Journal, RunState
from scoring.last_good import LastGood, last_good
from scoring.manifest import Manifest
from scoring.open_run import OpenRun
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.shards import Shard
from scoring.versions import version_folder

_CALLS_TO_BEGIN = 2
"""Submit and start."""

_STATUS_CALLS = 5.0
"""Of one job where no run has told: about what an unknown job of some seconds costs."""


class Forecast(BaseModel):
    """What would come of a run that was begun now.

    Args:
        run_key: None where no web service is set, since it is a part of the key.
        sent_bytes: Of all input blobs.
        gateway_calls: Without any attempt that fails.
        expected_seconds: None where no run of the data set is known.
        based_on: Folder of the published version whose figures were taken.
        state: Of the same work: `new`, or as the journal has it; None where no web service is set.
        publishes: Folder of the version in the container.
        over_budget: Limits of the settings that the run would break, in words.
    """

    model_config = ConfigDict(frozen=True)

    contract: str
    run_key: str | None
    n_input: int
    n_accepted: int
    n_quarantined: int
    n_jobs: int
    sent_bytes: int
    gateway_calls: int
    expected_seconds: float | None
    based_on: str | None
    state: str | None
    publishes: str | None
    over_budget: tuple[str, ...]


def forecast(
    plan: RunPlan, *, settings: RunSettings, run_date: date, documents: Documents | None, is_key_known: bool
) -> Forecast:
    """What a run of this plan would do. Nothing is written.

    Args:
        plan: What would be sent.
        settings: Its budget.
        run_date: Under which it would be published.
        documents: The container; None where none is set, or it does not exist yet.
        is_key_known: Whether the plan was made for the web service that would score.
    """
    last = last_good(documents, plan.contract) if documents is not None else None
    found = Journal(documents, plan.run_key).read_run() if documents is not None and is_key_known else None
    calls = calls_of(plan, last)
    is_done = found is not None and found[0].state is RunState.PUBLISHED
    generation, day = (found[0].generation, found[0].run_date) if found else (1, run_date)
    return Forecast(
        contract=plan.contract,
        run_key=plan.run_key if is_key_known else None,
        n_input=plan.n_input,
        n_accepted=plan.n_input - plan.n_quarantined,
        n_quarantined=plan.n_quarantined,
        n_jobs=len(plan.shards),
        sent_bytes=sum(_sent_bytes(shard) for shard in plan.shards),
        gateway_calls=calls,
        expected_seconds=None if last is None else _expected_seconds(plan, last.manifest),
        based_on=None if last is None else last.version.folder,
        state=None if not is_key_known else found[0].state.value if found else "new",
        publishes=version_folder(plan.contract, day, plan.run_key, generation) if is_key_known else None,
        over_budget=() if is_done else tuple(_over_budget(len(plan.shards), calls, settings)),
    )


def consult_last_good(run: OpenRun) -> None:
    """Learn from the last good run what the web service takes for a row, and keep a run within its budget.

    Raises:
        ConfigurationError: It would not keep within it; nothing was sent.
    """
    if run.is_published:
        return
    last = last_good(run.journal.documents, run.plan.contract)
    require_budget(run.plan, last, run.settings)
    run.seconds_per_row = seconds_per_row(last, n_rows=max(shard.n_rows for shard in run.plan.shards))


def require_budget(plan: RunPlan, last: LastGood | None, settings: RunSettings) -> None:
    """Do nothing while a run keeps within its budget.

    Raises:
        ConfigurationError: It would not; nothing was sent.
    """
    broken = list(_over_budget(len(plan.shards), calls_of(plan, last), settings))
    if broken:
        raise ConfigurationError(
            f"The run is over its budget: {'; '.join(broken)}.",
            "Nothing was sent. Raise the limit, or BATCH_SCORING_RUN_ROWS_PER_JOB, so that there are fewer jobs.",
        )


def seconds_per_row(last: LastGood | None, *, n_rows: int) -> float | None:
    """What the web service took for a row in the last good run; None where it does not tell.

    Args:
        last: The last good run.
        n_rows: Of the jobs that are to come. What jobs of another size took foretells nothing for them.
    """
    jobs = last.manifest.jobs if last is not None else []
    paces = [
        seconds / job.n_rows
        for job in jobs
        if is_like(job.n_rows, n_rows) and (seconds := seconds_between(job.start_time, job.end_time)) is not None
    ]
    return median(paces) if paces else None


def calls_of(plan: RunPlan, last: LastGood | None) -> int:
    """Calls through the gateway that a run takes, as in the last one or as a rule; with those for its golden rows."""
    of_a_job = _CALLS_TO_BEGIN + _status_calls(last.manifest if last is not None else None)
    gates = plan.gates
    asks, scores = (gates.golden_rows, gates.golden_job) if gates and plan.golden else ("off", "off")
    return round((len(plan.shards) + (scores != "off")) * of_a_job) + (asks != "off")


def _status_calls(last: Manifest | None) -> float:
    """Of one job."""
    told = last.gateway_calls if last is not None else None
    # An execution that took jobs over tells only of its own share of the calls.
    if last is None or not told or told.get("submit", 0) < len(last.jobs):
        return _STATUS_CALLS
    return told.get("status", 0) / told["submit"]


def _over_budget(n_jobs: int, calls: int, settings: RunSettings) -> Sequence[str]:
    limits = [
        ("jobs", n_jobs, settings.max_jobs, "BATCH_SCORING_RUN_MAX_JOBS"),
        ("calls through the gateway", calls, settings.max_gateway_calls, "BATCH_SCORING_RUN_MAX_GATEWAY_CALLS"),
    ]
    return [
        f"{wanted:,} {what}, and {name} allows {limit:,}"
        for what, wanted, limit, name in limits
        if limit is not None and wanted > limit
    ]


def _sent_bytes(shard: Shard) -> int:
    return len(header_as_csv(shard.sent)) + sum(len(rows_as_csv(batch.columns)) for batch in shard.sent_rows())


def _expected_seconds(plan: RunPlan, last: Manifest) -> float | None:
    if not last.n_scored:
        return None
    share = (plan.n_input - plan.n_quarantined) / last.n_scored
    return round(last.duration_seconds * share, 1)

"""Let the web service answer the rows whose output is known, before any other is sent: at once, and in a job."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring.gates.golden import ask_at_once, score_in_a_job
from scoring.gates.settings import GateSettings
from scoring.manifest import GateResult
from scoring.open_run import OpenRun
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, may_pass


# Repeated after any outage: RRS changes nothing. Not cached: the model may have changed since.
@task(
    task_run_name="ask golden rows",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def ask_golden_rows(run: OpenRun, settings: GateSettings) -> list[GateResult]:
    """What the web service makes of the golden rows; nothing where the gate is off."""
    with run.client() as client:
        return ask_at_once(run, client, settings)


# Repeated after any outage: the journal knows the job, and one that is lost was never started. Not cached, likewise.
@task(
    task_run_name="score golden rows",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def score_golden_rows(run: OpenRun, settings: GateSettings, before: list[GateResult]) -> list[GateResult]:
    """What a job makes of the golden rows, behind what was found before."""
    with run.client() as client:
        return score_in_a_job(run, client, settings, before)

"""Validate the input files against the contract, and plan what is sent."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.errors import ScoringError
from bes.settings import Connections
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.validation import Work, find_work, plan_run
from tasks.artifacts import leave_refusal


# No retries: what is wrong with the input does not pass by itself. Not cached: files change.
@task(task_run_name="validate {contract}", cache_policy=NO_CACHE)
def validate_input(
    inputs: list[str], contract: str, settings: RunSettings, connections: Connections, attempt: str
) -> RunPlan:
    """Accept or quarantine every row, and cut the accepted ones into shards; a refusal leaves its evidence."""
    work: Work | None = None
    try:
        work = find_work(inputs, contract, settings=settings, endpoint=connections.endpoint, attempt=attempt)
        return plan_run(work, settings)
    except ScoringError as error:
        leave_refusal(contract, work, connections, error)
        raise

"""Validate the input files against the contract, and plan what is sent."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.settings import EndpointSettings
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.validation import validate_and_plan


# No retries: what is wrong with the input does not pass by itself. Not cached: files change.
@task(task_run_name="validate {contract}", cache_policy=NO_CACHE)
def validate_input(
    inputs: list[str], contract: str, settings: RunSettings, endpoint: EndpointSettings, attempt: str
) -> RunPlan:
    """Accept or quarantine every row, and cut the accepted ones into shards."""
    return validate_and_plan(inputs, contract, settings=settings, endpoint=endpoint, attempt=attempt)

"""Look for the input of a day, and tell when there is none."""

import logging
from datetime import date, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring.input_watch import missing_inputs
from tasks.events import tell_missing

logger = logging.getLogger(__name__)


# No retries: what is not there at the hour is not there. Not cached: files come and go.
@task(task_run_name="look for input of {run_date}", cache_policy=NO_CACHE)
def look_for_input(inputs: list[str], dataset: str, run_date: date, changed_within: timedelta | None) -> list[str]:
    """The inputs that name no new file; an event tells of them."""
    missing = missing_inputs(inputs, run_date, changed_within=changed_within)
    if missing:
        logger.warning("no new input of %s for %s: %s", dataset, run_date, ", ".join(missing))
        tell_missing(dataset, run_date, missing)
    else:
        logger.info("the input of %s for %s is there", dataset, run_date)
    return missing

"""Check that every row is accounted for, once."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring.books import Books
from scoring.open_run import OpenRun
from scoring.plan import Outcome
from scoring.publishing import merge_and_balance
from scoring.stages import Stage


# Not cached: it reads files.
@task(task_run_name="check row count", cache_policy=NO_CACHE)
def check_row_count(outcome: Outcome, run: OpenRun) -> Books:
    """The books of the run, which balance by number and by key; predictions and quarantine are written aside."""
    with run.stages.during(Stage.MERGE):
        return merge_and_balance(run.plan, outcome)

"""Check that every row that was sent came back."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from scoring import jobs
from scoring.books import Books
from scoring.plan import RunPlan, ScoredShard


# Not cached: it reads files.
@task(task_run_name="check row count", cache_policy=NO_CACHE)
def check_row_count(scored: list[ScoredShard], plan: RunPlan) -> Books:
    """The books of the run, which balance."""
    books = Books(
        n_input=plan.n_input,
        n_scored=sum(jobs.check_row_count(shard) for shard in scored),
        n_quarantined=plan.n_quarantined,
        n_failed=0,
    )
    books.require_balance()
    return books

"""Open a run: become the one writer of its journal, or find that its result is published."""

from datetime import date

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.settings import Connections
from scoring.forecast import consult_last_good
from scoring.journal import work_plan
from scoring.open_run import OpenRun
from scoring.opening import open_run
from scoring.plan import RunPlan
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer


# No retries: the storage's client has its own, and who holds the run is waited for inside. Not cached: it is a lease.
@task(task_run_name="open run {plan.run_key}", cache_policy=NO_CACHE)
def open_journal(
    plan: RunPlan,
    connections: Connections,
    settings: RunSettings,
    stop: Stop,
    writer: Writer,
    run_date: date,
    rescore: bool,
) -> OpenRun:
    """The run, held by this process unless it is published, and within its budget."""
    endpoint = connections.endpoint
    run = open_run(
        plan,
        work_plan(
            plan,
            workspace=endpoint.workspace,
            service=endpoint.service,
            rows_per_job=settings.rows_per_job,
            bytes_per_job=settings.bytes_per_job,
        ),
        connections,
        settings=settings,
        writer=writer,
        run_date=run_date,
        rescore=rescore,
        stop=stop,
    )
    try:
        consult_last_good(run)
    except BaseException:
        # Not given up: jobs of an earlier execution may live, for the next one to take up or for the sweep to find.
        run.close()
        raise
    return run

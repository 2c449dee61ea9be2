"""Clean up after runs that nobody is at any more, and tell what was done."""

import uuid
from dataclasses import asdict
from typing import Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.settings import Connections
from scoring.counted import counted
from scoring.sweeping import SweepRules, Swept, sweep
from scoring.writer import Writer
from tasks.evidence import bearing_outages
from tasks.retrying import RETRIES, RETRY_DELAY_SECONDS, may_pass


# Repeated after any outage: what is cancelled and removed stays so. Not cached: it asks what there is now.
@task(
    task_run_name="sweep runs",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_SECONDS,
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
)
def sweep_runs(rules: SweepRules, connections: Connections) -> list[Swept]:
    """What was found and done, for every run of the container."""
    writer = Writer.here(session=uuid.uuid4().hex[:12], flow_run=flow_run.id)
    with BlobStore(connections.storage) as store, BesClient(connections.endpoint) as client:
        store.ensure_container()
        return list(sweep(store.documents(), client, rules=rules, writer=writer))


# Not cached: it leaves an artifact.
@task(task_run_name="tell what was swept", cache_policy=NO_CACHE)
def tell_swept(swept: list[Swept]) -> None:
    """Leave a table of the runs about which something was done or is to be done."""
    with bearing_outages():
        create_table_artifact(
            key="sweep",
            table=[_row(run) for run in swept if run.is_worth_telling],
            description=f"{counted(len(swept), 'run')} looked at; these had something to clean up.",
        )


def _row(run: Swept) -> dict[str, Any]:
    row = asdict(run)
    del row["unfinished"]
    return row

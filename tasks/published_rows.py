"""Look up how many rows are published for each run date."""

import logging
from datetime import date
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from bes.blobs import BlobStore
from bes.errors import ScoringError
from scoring.versions import read_latest, rows_by_date
from tasks.connections import resolve_storage

logger = logging.getLogger(__name__)


# Not cached: it asks what there is now. No retries: the storage's client has its own.
@task(task_run_name="count published rows", cache_policy=NO_CACHE)
def count_published_rows(contract: str, storage: str | None) -> dict[date, int]:
    """Rows in the newest version of each run date; empty where this machine cannot read the storage.

    Args:
        contract: Name of the contract, or path of its YAML file.
        storage: Name of the block that the runs take; None for the environment.
    """
    try:
        with BlobStore(resolve_storage(storage)) as store:
            latest = read_latest(store.documents(), Path(contract).stem)
    except ScoringError as error:
        # It is a column of a table. What was scored stays so.
        logger.warning("the table tells no rows: %s", error)
        return {}
    return rows_by_date(latest)

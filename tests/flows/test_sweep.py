"""The sweep as a flow on a real Prefect server."""

import uuid

import requests

from flows.sweep import sweep
from tests.flows.conftest import RunHere


def test_a_sweep_leaves_a_table_of_what_it_did(run_here: RunHere, stack_environment: dict[str, str], prefect_api: str):
    own = {"BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}"}
    found = run_here(sweep, live_jobs="leave", idle_minutes=0, keep_days=None, environment={**stack_environment, **own})
    assert found == []
    found = requests.post(
        f"{prefect_api}/artifacts/filter", json={"artifacts": {"key": {"any_": ["sweep"]}}}, timeout=30
    )
    told = {artifact["description"]: artifact["type"] for artifact in found.json()}
    assert told["0 runs looked at; these had something to clean up."] == "table"

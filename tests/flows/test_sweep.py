"""The sweep as a flow on a real Prefect server."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import requests


def test_a_sweep_leaves_a_table_of_what_it_did(repository: Path, stack_environment: dict[str, str], prefect_api: str):
    program = (
        "import asyncio; from flows.sweep import sweep;"
        "print(asyncio.run(sweep(live_jobs='leave', idle_minutes=0, keep_days=None)))"
    )
    own = {"BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env={**os.environ, **stack_environment, **own},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]")
    found = requests.post(
        f"{prefect_api}/artifacts/filter", json={"artifacts": {"key": {"any_": ["sweep"]}}}, timeout=30
    )
    told = {artifact["description"]: artifact["type"] for artifact in found.json()}
    assert told["0 runs were looked at; these had something to clean up."] == "table"

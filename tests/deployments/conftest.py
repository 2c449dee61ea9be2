"""Runs the command line as a user does: as a process of its own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(repository: Path, tmp_path: Path) -> RunCli:
    """`cli("run", ..., environment={...})` from the repository's root, with results below `tmp_path / "runs"`."""

    own = {"BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}"}

    def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments],
            cwd=repository,
            # A container of its own, since the same work is not done twice.
            env={**os.environ, **environment, **own, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run

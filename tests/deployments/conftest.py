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
def container() -> str:
    """One of the test's own, since the same work is not done twice."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def cli(repository: Path, tmp_path: Path, container: str) -> RunCli:
    """`cli("run", ..., environment={...})` from the repository's root, with results below `tmp_path / "runs"`."""

    own = {"BATCH_SCORING_STORAGE_CONTAINER": container, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")}

    def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments],
            cwd=repository,
            env={**os.environ, **environment, **own},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run

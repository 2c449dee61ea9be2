"""`batch-scoring plan`: what it tells is what a run then does, and it touches nothing."""

import json
import subprocess
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from tests.deployments.conftest import RunCli

SAMPLE = "data/samples/book_reviews.csv"
OPTIONS = (SAMPLE, "--contract", "book_reviews", "--rows-per-job", "250", "--run-date", "2024-05-01", "--json")


def told(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.fixture
def blobs(azurite, container: str):
    """Names of all blobs in the container of the test."""

    def names() -> list[str]:
        with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
            client = service.get_container_client(container)
            return sorted(client.list_blob_names()) if client.exists() else []

    return names


def test_what_is_planned_is_what_a_run_does_and_planning_touches_nothing(
    cli: RunCli, blobs, stack_environment: dict[str, str], tmp_path: Path
):
    before = told(cli("plan", *OPTIONS, environment=stack_environment))
    assert (before["state"], before["based_on"], before["expected_seconds"]) == ("new", None, None)
    assert (before["n_input"], before["n_accepted"], before["n_jobs"]) == (1000, 994, 4)
    assert (blobs(), list((tmp_path / "runs").rglob("*"))) == ([], [])

    ran = told(cli("run", *OPTIONS, environment=stack_environment))
    assert before["run_key"] == ran["run_key"]
    names = blobs()
    assert f"{before['publishes']}/manifest.json" in names

    after = told(cli("plan", *OPTIONS, environment=stack_environment))
    assert (after["state"], after["based_on"]) == ("published", before["publishes"])
    assert after["expected_seconds"] == pytest.approx(ran["duration_seconds"], abs=0.1)
    manifest = json.loads((tmp_path / "runs" / str(ran["run_key"]) / "manifest.json").read_text())
    calls = manifest["gateway_calls"]
    # The session's runs ask RRS for the golden rows, and leave their job out.
    assert (calls["submit"], calls["start"], calls["execute"]) == (4, 4, 1)
    assert after["gateway_calls"] == 9 + calls["status"]
    assert sum(job["status_calls"] for job in manifest["jobs"]) == calls["status"]
    # Nothing foretells the end of these, so it is looked for after pauses that grow with the time that they take.
    assert all(0 <= job["noticed_after_seconds"] < ran["duration_seconds"] / 2 for job in manifest["jobs"])
    assert sum(manifest["stages"].values()) == pytest.approx(manifest["duration_seconds"], abs=0.05)
    assert all(manifest["stages"][stage] > 0 for stage in ("validate", "upload", "service", "merge", "gates"))
    assert blobs() == names


@pytest.mark.slow
def test_a_run_over_its_budget_is_planned_and_not_begun(cli: RunCli, blobs, stack_environment: dict[str, str]):
    limit = {"BATCH_SCORING_RUN_MAX_JOBS": "3", "BATCH_SCORING_RUN_MAX_GATEWAY_CALLS": "20"}
    planned = cli("plan", *OPTIONS, environment={**stack_environment, **limit})
    assert planned.returncode == 2
    assert json.loads(planned.stdout)["over_budget"] == [
        "4 jobs, and BATCH_SCORING_RUN_MAX_JOBS allows 3",
        "29 calls through the gateway, and BATCH_SCORING_RUN_MAX_GATEWAY_CALLS allows 20",
    ]
    refused = cli("run", *OPTIONS, environment={**stack_environment, **limit})
    assert refused.returncode == 2
    assert "4 jobs, and BATCH_SCORING_RUN_MAX_JOBS allows 3" in json.loads(refused.stdout)["error"]
    assert not [name for name in blobs() if "/input/" in name]


def test_a_job_of_no_rows_is_refused(cli: RunCli):
    done = cli("plan", SAMPLE, "--contract", "book_reviews", "--rows-per-job", "0", environment={})
    assert done.returncode == 2
    assert "0 is not a positive number" in done.stderr


def test_what_cannot_be_seen_without_a_web_service_is_not_said_to_be_missing(cli: RunCli):
    done = cli("plan", SAMPLE, "--contract", "book_reviews", environment={})
    assert done.returncode == 0, done.stderr
    assert "unknown: no web service is set, whose runs would tell" in done.stdout
    assert "is published" not in done.stdout

"""The flow on a real Prefect server: which tasks it chains, what it leaves there, and what a failure leaves."""

import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.storage.blob import BlobServiceClient

from bes.client import BesClient
from bes.errors import JobFailed, NotFound
from bes.settings import EndpointSettings
from deployments.console import summary_text
from flows.batch_scoring import batch_scoring
from tests.flows.conftest import RunHere
from tests.patient import patient_session
from tests.waiting import eventually, settled

# Runs take a multiple of their usual ten seconds where a machine has much else to do.
pytestmark = pytest.mark.timeout(900)

EXTRACT = "review_id,Col1,Col2\n" + "".join(f"R{number:06d},4,Review number {number}\n" for number in range(1, 8))


COUNTING_CLIENTS = """
import sys
from prefect.client.orchestration import SyncPrefectClient
made, make = [], SyncPrefectClient.__init__
SyncPrefectClient.__init__ = lambda self, *given, **named: (made.append(self), make(self, *given, **named))[1]
import atexit
atexit.register(lambda: print("clients of the server:", len(made), file=sys.stderr))
"""


def run_flow(
    parameters: str, environment: dict[str, str], repository: Path, *, first: str = ""
) -> subprocess.CompletedProcess[str]:
    program = first + (
        "import asyncio\n"
        "from flows.batch_scoring import batch_scoring\n"
        f"print(asyncio.run(batch_scoring({parameters})).model_dump_json())\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def read(api: str, what: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = patient_session().post(f"{api}/{what}/filter", json=body, timeout=30)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


@pytest.fixture
def run_environment(stack_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    # A container of its own: the tests score the same rows, and the same work is not done twice.
    own = {"BATCH_SCORING_STORAGE_CONTAINER": f"test-{uuid.uuid4().hex}"}
    return {**stack_environment, **own, "BATCH_SCORING_RUN_DATA_DIR": str(tmp_path / "runs")}


def newest_run(api: str) -> dict[str, Any]:
    return read(api, "flow_runs", {"sort": "START_TIME_DESC", "limit": 1})[0]


def lines_of(api: str, run: dict[str, Any]) -> list[dict[str, Any]]:
    return read(api, "logs", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})


def messages_of(api: str, run: dict[str, Any]) -> list[str]:
    return [line["message"] for line in lines_of(api, run)]


def has_own_end(lines: list[dict[str, Any]]) -> bool:
    """Whether the run itself has ended; its tasks say it in the same words."""
    return any(line["task_run_id"] is None and "Finished in state" in line["message"] for line in lines)


def test_a_run_chains_its_tasks_and_leaves_artifacts_and_log_lines(
    repository: Path, run_environment: dict[str, str], prefect_api: str, tmp_path: Path
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)

    done = run_flow(f"[{str(extract)!r}], 'book_reviews', 3", run_environment, repository, first=COUNTING_CLIENTS)

    assert done.returncode == 0, done.stderr
    # Each loads certificates, which takes longer than all else about a task run; Prefect makes some of its own.
    assert int(done.stderr.rpartition("clients of the server: ")[2]) < 5
    run = newest_run(prefect_api)
    assert run["state_type"] == "COMPLETED"
    assert run["name"] == f"book_reviews {run['expected_start_time'][:10]}"
    mine = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    (folder,) = (tmp_path / "runs").iterdir()
    expected = sorted(
        ["validate book_reviews", f"open run {folder.name}", "poll all jobs", "check row count", "write artifacts"]
        + ["ask golden rows", "score golden rows", "check gates"]
        + [f"upload extract.csv shard {index}" for index in range(3)]
        + [
            f"{step} extract.csv shard {index}, attempt 1"
            for step in ("submit", "start", "download")
            for index in range(3)
        ]
    )
    eventually(lambda: sorted(task["name"] for task in read(prefect_api, "task_runs", mine)) == expected)
    artifacts = {artifact["key"]: artifact for artifact in read(prefect_api, "artifacts", mine)}
    links = ("report", "quarantine-file", "data-docs", "predictions", "manifest")
    assert set(artifacts) == {f"book-reviews-{what}" for what in ("summary", "jobs", "progress", *links)}
    assert "All 7 rows are scored and published." in artifacts["book-reviews-summary"]["data"]
    assert artifacts["book-reviews-progress"]["data"] == 100
    assert artifacts["book-reviews-progress"]["description"] == "3 of 3 jobs, 7 of 7 rows"
    assert artifacts["book-reviews-jobs"]["data"].count("Finished") == 3

    eventually(lambda: any(message.startswith("published 7 rows") for message in messages_of(prefect_api, run)))
    eventually(lambda: any("is Finished" in message for message in messages_of(prefect_api, run)))


@pytest.mark.slow
def test_no_secret_reaches_the_server_the_results_or_the_terminal(
    repository: Path,
    run_environment: dict[str, str],
    prefect_api: str,
    endpoint: EndpointSettings,
    tmp_path: Path,
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)

    done = run_flow(f"[{str(extract)!r}]", run_environment, repository)

    run = newest_run(prefect_api)
    messages = settled(
        lambda: messages_of(prefect_api, run), complete=lambda found: any("published" in message for message in found)
    )
    texts = [done.stdout, done.stderr, str(run), str(messages)]
    texts += [str(read(prefect_api, what, {})) for what in ("artifacts", "task_runs")]
    texts += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    account_key = run_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"].split("AccountKey=")[1].split(";")[0]
    secrets = [endpoint.api_key.get_secret_value(), endpoint.subscription_key.get_secret_value(), account_key, "sig="]
    for secret in secrets:
        assert not [text[:200] for text in texts if secret in text]


def test_a_run_that_fails_cancels_its_other_jobs_and_is_failed_in_prefect(
    run_here: RunHere,
    run_environment: dict[str, str],
    prefect_api: str,
    endpoint: EndpointSettings,
    faults: Any,
    tmp_path: Path,
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)
    faults.arm(kind="fail", details="Memory has been exhausted")
    run_environment["BATCH_SCORING_RUN_MAX_ATTEMPTS"] = "1"

    with pytest.raises(JobFailed, match="Memory has been exhausted"):
        run_here(batch_scoring, [str(extract)], rows_per_job=2, environment=run_environment)

    assert [entry["fault"]["kind"] for entry in faults.served()] == ["fail"]
    run = newest_run(prefect_api)
    assert run["state_type"] == "FAILED"
    assert "ended Failed" in run["state"]["message"]
    mine = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    eventually(lambda: "cancel jobs" in [task["name"] for task in read(prefect_api, "task_runs", mine)])
    assert list(tmp_path.glob("runs/*/.work*")) == []
    lines = settled(lambda: lines_of(prefect_api, run), complete=has_own_end)
    submitted = {line["message"].rpartition(" ")[2] for line in lines if line["message"].startswith("submitted")}
    # Those that were submitted before the first one failed.
    assert 1 <= len(submitted) <= 4
    with BesClient(endpoint) as client:
        for job_id in submitted:
            with contextlib.suppress(NotFound):
                assert client.status(job_id).status.has_ended


@pytest.mark.slow
def test_a_contract_that_sends_the_wrong_column_has_every_row_refused_and_the_run_says_so(
    repository: Path, run_environment: dict[str, str], prefect_api: str, tmp_path: Path
):
    contract = yaml.safe_load((repository / "data/contracts/book_reviews.yaml").read_text())
    wrong = tmp_path / "book_reviews.yaml"
    changes = {"inputs": {"input1": ["review_id"]}, "golden": []}
    wrong.write_text(yaml.safe_dump({**contract, **changes}, sort_keys=False))
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)

    done = run_flow(f"[{str(extract)!r}], {str(wrong)!r}, 4", run_environment, repository)

    assert done.returncode != 0
    run = newest_run(prefect_api)
    assert run["state_type"] == "FAILED"
    assert "refuses each of the 7 rows" in run["state"]["message"]
    assert "Col2" in run["state"]["message"]
    assert list(tmp_path.glob("runs/*/manifest.json")) == []


def test_a_refused_row_is_in_the_summary_the_artifacts_and_the_quarantine(
    run_here: RunHere, run_environment: dict[str, str], prefect_api: str, faults: Any, tmp_path: Path
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT.replace("Review number 3", "POISON") + "R000008,6,out of range\n")
    faults.arm(kind="refuse_rows", marker="POISON", times=100)

    summary = run_here(batch_scoring, [str(extract)], rows_per_job=4, environment=run_environment)

    assert len(faults.served()) == 3
    told = dict(re.findall(r"^ +(\w+(?: \w+)?)  +(.+)$", summary_text(summary), re.MULTILINE))
    assert [told[name] for name in ("rows in", "scored", "quarantined", "failed", "jobs")] == [
        *("8", "6", "2, 1 of them refused by the web service", "0", "3"),
    ]
    manifest = json.loads(Path(told["manifest"]).read_text())
    assert (manifest["n_refused"], len(manifest["jobs"])) == (1, 3)
    with Path(told["quarantine"]).open(newline="") as source:
        contract, service = csv.DictReader(source)
    assert (contract["record"], contract["column"], service["record"], service["line"]) == ("8", "Col1", "3", "4")
    assert (service["rule"], service["raw"]) == ("refused_by_service", "R000003,4,POISON")
    assert "Line 2, column 'Col2': the cell is refused" in service["message"]
    mine = {"flow_runs": {"id": {"any_": [newest_run(prefect_api)["id"]]}}}
    artifacts = {artifact["key"]: artifact["data"] for artifact in read(prefect_api, "artifacts", mine)}
    assert "| of them refused by the web service | 1 |" in artifacts["book-reviews-summary"]


@pytest.mark.slow
def test_each_shard_is_one_blob_in_and_one_blob_out_below_the_run_key(
    repository: Path, run_environment: dict[str, str], tmp_path: Path
):
    for name in ("monday", "tuesday"):
        (tmp_path / f"{name}.csv").write_text(EXTRACT.replace("R0000", "R1000" if name == "monday" else "R2000"))

    done = run_flow(f"[{str(tmp_path / '*.csv')!r}], 'book_reviews', 5", run_environment, repository)

    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    with BlobServiceClient.from_connection_string(
        run_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
    ) as storage:
        container = storage.get_container_client(run_environment["BATCH_SCORING_STORAGE_CONTAINER"])
        names = [blob.name for blob in container.list_blobs(name_starts_with=f"runs/{folder.name}/")]
    assert sorted(name.partition(f"{folder.name}/")[2] for name in names) == sorted(
        ["run.json"]
        + [f"input/{index:05d}.csv" for index in range(4)]
        + [f"output/{index:05d}-a1.csv" for index in range(4)]
        + [f"shards/{index:05d}.json" for index in range(4)]
    )


@pytest.mark.parametrize("fault", ["duplicate_row", "truncate_output", "lose_output"])
@pytest.mark.slow
def test_an_output_that_is_not_whole_is_never_published(
    repository: Path, run_environment: dict[str, str], faults: Any, tmp_path: Path, fault: str
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)
    faults.arm(kind=fault, times=3)

    done = run_flow(f"[{str(extract)!r}]", run_environment, repository)

    assert done.returncode != 0
    assert [entry["fault"]["kind"] for entry in faults.served()] == [fault] * 3
    assert ("NotFound" if fault == "lose_output" else "IntegrityError") in done.stderr
    assert list(tmp_path.glob("runs/*/predictions.csv")) == []
    assert list(tmp_path.glob("runs/*/manifest.json")) == []


def test_outages_shorter_than_the_retries_do_not_end_a_run(
    run_here: RunHere, run_environment: dict[str, str], faults: Any, tmp_path: Path
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)
    faults.arm(kind="status", operation="start", status=503)
    faults.arm(kind="drop", operation="start", when="after")
    faults.arm(kind="status", operation="status", status=500)
    faults.arm(kind="drop", operation="status", when="before")

    assert run_here(batch_scoring, [str(extract)], environment=run_environment).n_scored == 7

    assert [entry["hit"] for entry in faults.served()] == ["start", "start", "status", "status"]


@pytest.mark.slow
def test_a_submit_that_may_have_been_received_is_followed_by_another_and_the_orphan_is_written_down(
    repository: Path, run_environment: dict[str, str], faults: Any, tmp_path: Path
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)
    faults.arm(kind="drop", operation="submit", when="after")

    done = run_flow(f"[{str(extract)!r}]", run_environment, repository)

    assert done.returncode == 0, done.stderr
    assert [entry["hit"] for entry in faults.served()] == ["submit"]
    (folder,) = (tmp_path / "runs").iterdir()
    with BlobServiceClient.from_connection_string(
        run_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
    ) as storage:
        container = storage.get_container_client(run_environment["BATCH_SCORING_STORAGE_CONTAINER"])
        record = json.loads(container.download_blob(f"runs/{folder.name}/shards/00000.json").readall())
    lost, counted = record["attempts"]
    assert (lost["state"], lost["orphan_possible"], lost["job_id"]) == ("failed", True, None)
    assert (counted["state"], counted["orphan_possible"]) == ("verified", False)


@pytest.mark.slow
def test_a_submit_whose_answers_are_lost_again_and_again_ends_the_run(
    repository: Path, run_environment: dict[str, str], faults: Any, tmp_path: Path
):
    extract = tmp_path / "extract.csv"
    extract.write_text(EXTRACT)
    faults.arm(kind="drop", operation="submit", when="after", times=9)

    done = run_flow(f"[{str(extract)!r}]", run_environment, repository)

    assert done.returncode != 0
    assert "Unavailable" in done.stderr
    assert [entry["hit"] for entry in faults.served()] == ["submit"] * 3

"""The sweep finishes runs whose process died, as their own next execution would, and leaves what cannot be the same."""

import csv
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bes.blobs import BlobStore
from bes.client import BesClient
from bes.errors import InputError
from bes.settings import StorageSettings
from scoring.finishing import unfinished
from scoring.journal import RunRecord
from tests.faults.conftest import Work

KILLED = -9
# By the size of jobs, so that each is another run of the same rows.
KILLED_AT = {
    2: "run open after",
    4: "submit after",
    5: "journal started after",
    7: "manifest after",
}


@pytest.fixture
def begin(driver: Any, endpoint: Any, azurite: Any, repository: Path, tmp_path: Path) -> Callable[..., Work]:
    """Begins a run of an extract by the contract of the sample, which is killed at a step."""

    def begin(name: str, *, container: str, folder: Path, rows_per_job: int, **how: Any) -> Work:
        folder.mkdir(exist_ok=True)
        contract, extract = folder / "book_reviews.yaml", folder / "extract.csv"
        if not extract.exists():
            shutil.copy(repository / "data/contracts/book_reviews.yaml", contract)
            with extract.open("w", newline="") as target:
                rows = [[f"R{number:06d}", "4", f"Review {number}"] for number in range(1, 9)]
                csv.writer(target).writerows([["review_id", "Col1", "Col2"], *rows, ["R000009", "9", "quarantined"]])
        home = tmp_path / name
        work = Work(
            driver=driver,
            endpoint=endpoint,
            connection_string=azurite.connection_string,
            home=home,
            container=container,
            settings={"data_dir": str(home / "runs"), "rows_per_job": rows_per_job},
        )
        work.code = work.run(contract=str(contract), extract=str(extract), rows_per_job=rows_per_job, **how)
        return work

    return begin


def run_of(work: Work) -> str:
    (folder,) = (work.home / "runs").iterdir()
    return folder.name


def leave(work: Work) -> None:
    """What time does, if it has not yet: the lease of the process that was killed ends."""
    storage = StorageSettings(connection_string=work.connection_string, container=work.container)
    name = f"runs/{run_of(work)}/run.json"
    with BlobStore(storage) as store:
        store.documents().break_lease(name, store.documents().read(name).etag)


def swept(work: Work, environment: dict[str, str], repository: Path, data_dir: Path) -> dict[str, dict[str, Any]]:
    """What the flow tells of each run."""
    program = (
        "import asyncio, json; from dataclasses import asdict; from flows.sweep import sweep;"
        "told = asyncio.run(sweep(live_jobs='finish', idle_minutes=0, keep_days=None));"
        "print(json.dumps([asdict(run) for run in told]))"
    )
    own = {"BATCH_SCORING_STORAGE_CONTAINER": work.container, "BATCH_SCORING_RUN_DATA_DIR": str(data_dir)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env={**os.environ, **environment, **own},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {run["run_key"]: run for run in json.loads(done.stdout.splitlines()[-1])}


# Five runs, each validated twice: twenty seconds, and minutes on a machine that is busy with other things.
@pytest.mark.timeout(900)
@pytest.mark.slow
def test_runs_that_were_killed_are_finished_and_those_that_cannot_be_are_left(
    begin: Callable[..., Work], stack_environment: dict[str, str], repository: Path, tmp_path: Path
):
    whole = begin("whole", container=f"test-{uuid.uuid4().hex}", folder=tmp_path / "there", rows_per_job=2)
    assert whole.code == 0, whole.result(whole.pid)
    undisturbed = (tmp_path / "whole" / "runs" / run_of(whole) / "predictions.csv").read_bytes()
    shared = f"test-{uuid.uuid4().hex}"
    killed = [
        begin(moment, container=shared, folder=tmp_path / "there", rows_per_job=size, kill_at=moment)
        for size, moment in KILLED_AT.items()
    ]
    started = {"container": shared, "rows_per_job": 8, "kill_at": "journal started after"}
    changed = begin("changed", folder=tmp_path / "changed", **started)
    assert [work.code for work in [*killed, changed]] == [KILLED] * 5
    for work in [*killed, changed]:
        leave(work)
    extract = tmp_path / "changed" / "extract.csv"

    # The same rows, so the same run: its files are those of the last process that was at it.
    extract.write_bytes(extract.read_bytes().replace(b"Review", b"Rewiev"))
    told = swept(changed, stack_environment, repository, tmp_path / "swept")

    for work in killed:
        assert told[run_of(work)]["outcome"] == "finished"
        require_published_once(work, undisturbed, tmp_path / "swept")
    left = told[run_of(changed)]
    assert "has changed" in left["outcome"]
    assert left["jobs_left"] == 1
    assert changed.json(f"runs/{run_of(changed)}/run.json")["state"] == "open"


def require_published_once(work: Work, undisturbed: bytes, data_dir: Path) -> None:
    key = run_of(work)
    assert (data_dir / key / "predictions.csv").read_bytes() == undisturbed
    run = work.json(f"runs/{key}/run.json")
    assert (run["state"], run["generation"]) == ("published", 1)
    assert work.read(f"{run['published']}/predictions.csv") == undisturbed
    published = [name.rpartition("/")[2] for name in work.names("published/") if f"/{key}-" in name]
    assert published == ["manifest.json", "predictions.csv", "profile.json", "quarantine.csv", "report.html"]
    shards = [work.json(name) for name in work.names(f"runs/{key}/shards/")]
    counted = [[each["state"] for each in shard["attempts"]].count("verified") for shard in shards]
    assert counted == [1] * len(shards)
    known = [attempt["job_id"] for shard in shards for attempt in shard["attempts"]]
    with BesClient(work.endpoint) as client:
        for job_id in work.job_ids:
            # One whose id was lost was never started.
            assert job_id in known or client.status(job_id).start_time.startswith("0001-")
        assert all(client.status(job_id).status.has_ended for job_id in known if job_id)


@pytest.fixture
def record(begin: Callable[..., Work], tmp_path: Path) -> RunRecord:
    work = begin(
        "begun",
        container=f"test-{uuid.uuid4().hex}",
        folder=tmp_path / "there",
        rows_per_job=9,
        kill_at="run open after",
    )
    return RunRecord.model_validate_json(work.read(f"runs/{run_of(work)}/run.json"))


def test_what_is_not_the_same_work_any_more_is_not_finished(record: RunRecord, repository: Path, tmp_path: Path):
    contracts, plan = tmp_path / "contracts", record.plan
    contracts.mkdir()
    there = (plan.workspace, plan.service)
    contract, extract = tmp_path / "there/book_reviews.yaml", tmp_path / "there/extract.csv"

    def why_not(given: RunRecord, endpoint: tuple[str, str] = there) -> str:
        with pytest.raises(InputError) as caught:
            unfinished(given, endpoint=endpoint, contracts_dir=contracts)
        return str(caught.value)

    work = unfinished(record, endpoint=there, contracts_dir=contracts)
    assert (work.inputs, work.contract, work.rows_per_job) == ((str(extract),), str(contract), 9)
    assert "belongs to the web service" in why_not(record, ("w", "another"))
    with pytest.raises(InputError, match="no limit of bytes"):
        unfinished(record, endpoint=there, contracts_dir=contracts, bytes_per_job=1000)
    older = json.loads(record.model_dump_json(exclude={"source"}))
    assert "does not tell its input files" in why_not(RunRecord.model_validate(older))
    contract.rename(tmp_path / "moved.yaml")
    assert "the contract 'book_reviews' cannot be read" in why_not(record)
    # One of the same name and content does as well.
    shutil.copy(tmp_path / "moved.yaml", contracts / "book_reviews.yaml")
    assert unfinished(record, endpoint=there, contracts_dir=contracts).contract == "book_reviews"
    text = (contracts / "book_reviews.yaml").read_text()
    (contracts / "book_reviews.yaml").write_text(text.replace("passthrough: [Col1]", "passthrough: []"))
    assert "the contract 'book_reviews' has changed" in why_not(record)
    (tmp_path / "moved.yaml").rename(contract)
    content = extract.read_bytes()
    extract.write_bytes(content + b"R000010,4,one more\n")
    assert f"{str(extract)!r} has changed" in why_not(record)
    extract.unlink()
    assert f"{str(extract)!r} cannot be read here (No such file" in why_not(record)

"""Jobs of a run that is given up: what is said of them is true, however they ended. Service and storage are real."""

import logging
import uuid

import pytest

from bes.protocol import JobStatus
from bes.settings import Connections
from scoring.jobs import cancel_jobs, start_shard, submit_shard, upload_shard
from scoring.journal import work_plan
from scoring.opening import open_run
from scoring.settings import RunSettings
from scoring.stopping import Stop
from scoring.writer import Writer
from tests.faults.driver import RUN_DATE, planned
from tests.waiting import eventually


@pytest.fixture
def run(azurite, endpoint, tmp_path):
    storage = azurite.settings.model_copy(update={"container": f"test-{uuid.uuid4().hex}"})
    command = {"home": str(tmp_path), "rows": [["R1", "4", "text"]], "refused": 0, "rows_per_job": 1}
    plan = planned(command, "test")
    opened = open_run(
        plan,
        work_plan(plan, workspace=endpoint.workspace, service=endpoint.service, rows_per_job=1),
        Connections(endpoint=endpoint, storage=storage),
        settings=RunSettings(data_dir=tmp_path / "runs"),
        writer=Writer.here(session="test"),
        run_date=RUN_DATE,
        rescore=False,
        stop=Stop(),
    )
    yield opened
    opened.close()


def test_a_job_that_ended_before_it_was_cancelled_is_not_said_to_be_cancelled(run, caplog):
    (shard,) = run.plan.shards
    with run.client() as client:
        upload_shard(run, shard)
        job = start_shard(run, client, submit_shard(run, client, shard))
        # Nobody of this run has noticed.
        eventually(lambda: client.status(job.job_id).status is JobStatus.FINISHED)
        with caplog.at_level(logging.INFO):
            assert cancel_jobs(run, client, cause="interrupted") == 0
        assert client.status(job.job_id).status is JobStatus.FINISHED

    assert [record.getMessage() for record in caplog.records if "cancel" in record.getMessage()] == [
        f"told the web service to cancel job {job.job_id} of {shard.label}"
    ]

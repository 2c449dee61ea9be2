"""Uploading a shard: what the web service is given comes from the input file; what stays here is set aside."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from bes.errors import IntegrityError
from bes.settings import EndpointSettings
from scoring.jobs import upload_shard
from scoring.journal import Journal, RunRecord, work_plan
from scoring.kept import kept_rows
from scoring.open_run import OpenRun
from scoring.plan import RunFolder, RunPlan
from scoring.settings import RunSettings
from scoring.shards import cut_shards
from scoring.stopping import RunStopped, Stop
from scoring.writer import Writer
from tests.scoring.accepting import accept, write_csv

KEY = "0123456789abcdef"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def run(store, tmp_path):
    """A run of two shards, of which no other process knows."""
    rows = [["a", "one"], ["b", "bad"], ["c", 'the "third"'], ["d", ""]]
    source = accept(write_csv(tmp_path / "reviews.csv", [["key", "text"], *rows]), rejected=[2])
    plan = RunPlan(
        run_key=KEY,
        contract="reviews",
        contract_digest="0" * 64,
        input_port="input1",
        output_port="output1",
        key="key",
        shows_keys=True,
        folder=RunFolder(path=tmp_path / "runs" / KEY, attempt="one"),
        inputs=[],
        n_input=4,
        n_quarantined=1,
        accepted=(source,),
        shards=cut_shards([source], key="key", sent=["text"], passthrough=[], rows_per_job=2),
        data_docs_index=tmp_path / "index.html",
        findings_by_rule=pd.DataFrame(),
        started_at=NOW,
    )
    record = RunRecord(
        run_key=KEY,
        plan=work_plan(plan, workspace="w", service="s", rows_per_job=2),
        run_date=date(2024, 5, 1),
        writer=Writer.here(session="one"),
        created_at=NOW,
        updated_at=NOW,
    )
    journal = Journal(store.documents(), KEY)
    return OpenRun(
        plan, RunSettings(), endpoint=EndpointSettings(), store=store, journal=journal, record=(record, "etag"),
        lease=None, stop=Stop(),
    )  # fmt: skip


def test_the_blob_holds_the_sent_columns_of_the_shards_rows(run, store):
    names = [upload_shard(run, shard) for shard in run.plan.shards]
    assert names == [f"runs/{KEY}/input/00000.csv", f"runs/{KEY}/input/00001.csv"]
    assert [store.documents().read(name).content for name in names] == [
        b'text\r\none\r\n"the ""third"""\r\n',
        b'text\r\n""\r\n',
    ]


def test_nothing_is_written_to_the_disk_but_what_stays_here(run):
    upload_shard(run, run.plan.shards[0])
    (kept,) = (path for path in run.plan.folder.path.rglob("*") if path.is_file())
    assert kept.parent == run.plan.folder.work
    assert [row for batch in kept_rows(run.plan.shards[0], kept.parent) for row in batch.to_pylist()] == [
        {"key": "a"},
        {"key": "c"},
    ]
    assert b"third" not in kept.read_bytes()


def test_rows_that_were_sent_before_are_set_aside_anew(run):
    upload_shard(run, run.plan.shards[0])
    run.plan.folder.discard_work()
    upload_shard(run, run.plan.shards[0])
    run.plan.accepted[0].file.path.unlink()
    assert sum(batch.num_rows for batch in kept_rows(run.plan.shards[0], run.plan.folder.work)) == 2


def test_a_second_upload_finds_the_same_blob(run, store):
    name = upload_shard(run, run.plan.shards[0])
    etag = store.documents().read(name).etag
    assert upload_shard(run, run.plan.shards[0]) == name
    assert store.documents().read(name).etag == etag


def test_what_somebody_else_put_there_is_not_overwritten(run, store):
    store.documents().create(f"runs/{KEY}/input/00000.csv", b"of somebody else")
    with pytest.raises(IntegrityError):
        upload_shard(run, run.plan.shards[0])
    assert store.documents().read(f"runs/{KEY}/input/00000.csv").content == b"of somebody else"


def test_a_run_that_was_given_up_uploads_nothing(run, store):
    run.stop.set()
    with pytest.raises(RunStopped):
        upload_shard(run, run.plan.shards[0])
    assert store.documents().read(f"runs/{KEY}/input/00000.csv") is None


def test_the_journal_knows_which_records_a_shard_holds(run):
    shards = run.record.plan.shards
    assert [(one.file, one.first_row, one.n_rows, one.first_record, one.last_record) for one in shards] == [
        ("reviews.csv", 0, 2, 1, 3),
        ("reviews.csv", 2, 1, 4, 4),
    ]

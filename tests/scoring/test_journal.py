"""The journal on a real storage emulator: what is written is read, and what is not ours is neither used nor touched."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bes.errors import Conflict, IntegrityError, Unavailable
from scoring.attempts import AttemptState, ShardRecord
from scoring.journal import Journal, PlannedShard, RunRecord, WorkPlan
from scoring.shard_journal import ShardJournal
from scoring.shards import cut_shards
from scoring.writer import Writer
from tests.scoring.accepting import accept, write_csv

KEY = "0123456789abcdef"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def journal(store):
    return Journal(store.documents(), KEY)


@pytest.fixture
def shard(tmp_path):
    source = accept(write_csv(tmp_path / "reviews.csv", [["key"], ["a"], ["bad"], ["b"]]), rejected=[2])
    (shard,) = cut_shards([source], key="key", sent=["key"], passthrough=[], rows_per_job=2)
    return replace(shard, index=17)


def record(run_key=KEY):
    plan = WorkPlan(
        contract="book_reviews",
        contract_sha256="0" * 64,
        workspace="w",
        service="s",
        input_port="input1",
        output_port="output1",
        inputs_sha256=("1" * 64,),
        rows_per_job=2,
        n_input=2,
        n_quarantined=0,
        shards=(PlannedShard(index=17, file="reviews.csv", first_row=0, n_rows=2, first_record=1, last_record=3),),
    )
    return RunRecord(
        run_key=run_key,
        plan=plan,
        run_date=date(2024, 5, 1),
        writer=Writer.here(session="one"),
        created_at=NOW,
        updated_at=NOW,
    )


def open_shard(journal, shard, session="one", generation=1):
    return ShardJournal(journal, shard, session=session, generation=generation, found=journal.read_shard(shard.name))


def test_a_run_is_read_as_it_was_written(journal):
    assert journal.read_run() is None
    mine = record()
    etag = journal.create_run(mine)
    assert journal.read_run() == (mine, etag)


def test_every_step_of_an_attempt_is_in_the_blob_of_its_shard(journal, shard, store):
    mine = open_shard(journal, shard)
    mine.add()
    mine.change(AttemptState.SUBMITTED, job_id="a" * 32)
    mine.change(AttemptState.STARTED)
    blob = json.loads(store.documents().read(f"runs/{KEY}/shards/00017.json").content)
    assert (blob["schema_version"], blob["run_key"], blob["shard"], blob["revision"]) == (1, KEY, "00017", 3)
    (attempt,) = blob["attempts"]
    assert (attempt["number"], attempt["state"], attempt["job_id"]) == (1, "started", "a" * 32)
    assert attempt["input_blob"] == f"runs/{KEY}/input/00017.csv"
    assert attempt["output_blob"] == f"runs/{KEY}/output/00017-a1.csv"
    assert attempt["intent_at"] <= attempt["submitted_at"] <= attempt["started_at"]
    assert attempt["ended_at"] is None


def test_each_attempt_writes_another_output_in_all_generations(journal, shard):
    first = open_shard(journal, shard)
    first.add()
    first.change(AttemptState.FAILED, cause="it was away")
    first.add()
    second = open_shard(journal, shard, generation=2)
    assert second.last is None
    assert second.add().output_blob == f"runs/{KEY}/output/00017-a3.csv"


def test_only_attempts_that_may_have_had_a_job_count_against_the_limit_and_only_ones_own(journal, shard):
    mine = open_shard(journal, shard)
    mine.add()
    mine.change(AttemptState.CANCELLED, cause="the request was not sent")
    assert mine.n_spent == 0
    mine.add()
    mine.change(AttemptState.FAILED, orphan_possible=True)
    mine.add()
    mine.change(AttemptState.SUBMITTED, job_id="a" * 32)
    mine.change(AttemptState.FAILED)
    assert mine.n_spent == 2
    assert open_shard(journal, shard, session="other").n_spent == 0


def test_of_two_processes_at_one_shard_the_slower_one_is_refused_and_overwrites_nothing(journal, shard):
    slow, fast = open_shard(journal, shard), open_shard(journal, shard, session="other")
    fast.add()
    with pytest.raises(Conflict, match="shards/00017"):
        slow.add()
    assert open_shard(journal, shard).last.session == "other"


def test_a_write_that_may_not_have_been_done_is_not_believed(journal, shard, monkeypatch):
    mine = open_shard(journal, shard)
    mine.add()

    def away(*_):
        raise Unavailable("The storage is away.", "Wait.", True)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write_shard", away)
        with pytest.raises(Unavailable):
            mine.change(AttemptState.STARTED)
    assert mine.last.state is AttemptState.INTENT
    mine.change(AttemptState.SUBMITTED, job_id="a" * 32)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b'{"schema_version": 1, "run', "it is not JSON"),
        (b"[]", "the whole: "),
        (b'{"hello": "world"}', "run_key: Field required"),
        (b'{"schema_version": 2}', "a newer release wrote it (version 2, known here is 1)"),
        (
            record().model_dump_json().replace('"first_record":1,"last_record":3', '"sent_sha256":"2"').encode(),
            "plan.shards.0.first_record: Field required",
        ),
        (record("f" * 16).model_dump_json().encode(), "it is about the run 'ffffffffffffffff'"),
        (record().model_dump_json().replace('"open"', '"paused"').encode(), "state: Input should be"),
    ],
    ids=["empty", "cut off", "a list", "foreign", "newer", "older", "of another run", "unknown state"],
)
def test_a_run_blob_that_cannot_be_used_is_named_and_left_alone(journal, store, content, why):
    store.documents().create(journal.run_name, content)
    with pytest.raises(IntegrityError) as caught:
        journal.read_run()
    assert f"runs/{KEY}/run.json" in caught.value.what
    assert why in caught.value.what
    assert "Nothing was overwritten" in caught.value.next_step
    assert store.documents().read(journal.run_name).content == content


def test_a_shard_blob_of_another_run_is_refused(journal, shard, store):
    foreign = ShardRecord(run_key="f" * 16, shard="00017", session="x")
    store.documents().create(journal.shard_name("00017"), foreign.model_dump_json().encode())
    with pytest.raises(IntegrityError, match="it is about the run"):
        open_shard(journal, shard)

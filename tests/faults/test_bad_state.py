"""State that a run cannot go on with: one error says what is wrong and how to go on, and nothing is overwritten."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from bes.protocol import JobStatus
from tests.campaigns import sampled

KILLED = -9


def run_blob(work: Any) -> str:
    (name,) = [name for name in work.names("runs/") if name.endswith("/run.json")]
    return name


def shard_blob(work: Any) -> str:
    return next(name for name in work.names("runs/") if "/shards/" in name)


def latest_blob(_work: Any) -> str:
    return "published/reviews/latest.json"


def changed(**members: Any) -> Any:
    return lambda content: json.dumps({**json.loads(content), **members}).encode()


DAMAGES = {
    "empty": (lambda _: b"", "it is not JSON"),
    "cut off": (lambda content: content[: len(content) // 2], "it is not JSON"),
    "of another run": (changed(run_key="f" * 16), "it is about the run 'ffffffffffffffff'"),
    "of a newer release": (changed(schema_version=99), "a newer release wrote it (version 99, known here is 1)"),
    "of another program": (lambda _: b'{"hello": "world"}', "Field required"),
}


@pytest.mark.parametrize("damage", sampled(DAMAGES, 2))
@pytest.mark.parametrize("blob_of", [run_blob, shard_blob], ids=["run", "shard"])
def test_a_journal_that_cannot_be_used_is_named_left_as_it_is_and_gone_around(
    work: Any, undisturbed: bytes, blob_of: Any, damage: str
):
    assert work.run(kill_at="journal submitted after") == KILLED
    name = blob_of(work)
    spoil, words = DAMAGES[damage]
    good, bad = work.read(name), spoil(work.read(name))
    work.write(name, bad)

    assert work.run() == 1

    refused = work.result(work.pid)
    assert refused["error"] == "IntegrityError"
    for told in (name, words, "Nothing was overwritten", "Restore the blob", "--rows-per-job"):
        assert told in refused["text"]
    assert work.read(name) == bad
    assert work.names("published/") == []

    # The first way that it names: the run goes on where it stood.
    work.write(name, good)
    work.must_run()
    work.require_whole(undisturbed)
    if blob_of is run_blob:
        assert len(work.job_ids) == 3


def test_beside_a_journal_that_cannot_be_used_another_run_begins_anew(work: Any, undisturbed: bytes):
    assert work.run(kill_at="journal submitted after") == KILLED
    name = run_blob(work)
    work.write(name, b"not ours")

    # The second way that it names.
    manifest = work.must_run(rows_per_job=7)

    assert manifest["run_key"] not in name
    assert work.predictions == undisturbed
    assert work.read(name) == b"not ours"


def test_a_pointer_that_cannot_be_read_is_left_as_it_is_and_the_result_is_published_once_it_is_restored(
    work: Any, undisturbed: bytes
):
    work.write(latest_blob(work), b"{")

    assert work.run() == 1

    refused = work.result(work.pid)
    assert refused["error"] == "IntegrityError"
    for told in (latest_blob(work), "it is not JSON", "Nothing was overwritten", "run again"):
        assert told in refused["text"]
    assert work.read(latest_blob(work)) == b"{"
    jobs = work.job_ids

    work.remove(latest_blob(work))
    work.must_run()

    work.require_whole(undisturbed)
    assert work.job_ids == jobs


def test_another_contract_is_another_run_and_leaves_what_the_first_one_wrote(work: Any, undisturbed: bytes):
    assert work.run(kill_at="journal submitted after") == KILLED
    before = {name: work.read(name) for name in work.names("runs/")}

    manifest = work.must_run(contract_digest="1" * 64)

    assert work.predictions == undisturbed
    assert not any(manifest["run_key"] in name for name in before)
    assert {name: work.read(name) for name in before} == before
    assert {job["job_id"] for job in manifest["jobs"]}.isdisjoint(work.job_ids[:1])


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"Review", b"Another"),
        lambda content: content[:40],
        lambda content: content.replace(b"Review", b"Rewiev"),
    ],
    ids=["longer", "shorter", "of the same length"],
)
def test_an_input_that_changed_since_it_was_checked_ends_the_run_and_its_jobs(
    work: Any, undisturbed: bytes, faults: Any, change: Any
):
    faults.arm(kind="queue", seconds=2)
    pid = work.start()
    work.wait_for("status after")
    extract = work.home / "extract.csv"
    extract.write_bytes(change(extract.read_bytes()))

    assert work.driver.wait(pid) == 1

    refused = work.result(pid)
    assert refused["error"] == "InputError"
    assert f"{str(extract)!r} is not the one that this run has checked" in refused["text"]
    assert "Put the file back, or run again" in refused["text"]
    work.require_no_live_job()
    assert work.names("published/") == []

    # The next run puts the file back.
    work.must_run()
    work.require_whole(undisturbed)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]


def test_scores_of_an_input_that_changed_before_it_was_sent_are_never_adopted(work: Any, undisturbed: bytes):
    assert work.run(change_input_at="run open after") == 1
    assert work.result(work.pid)["error"] == "InputError"
    sent = {name: work.read(name) for name in work.names("runs/") if "/input/" in name}
    assert len(sent) == 3
    assert all(b"Rewiev" in content for content in sent.values())

    assert work.run() == 1

    refused = work.result(work.pid)
    assert refused["error"] == "IntegrityError"
    for told in ("exists with other content", "Nothing was overwritten", "--rows-per-job"):
        assert told in refused["text"]
    assert {name: work.read(name) for name in sent} == sent
    assert work.names("published/") == []

    work.must_run(rows_per_job=7)
    assert work.predictions == undisturbed


def test_a_container_that_is_gone_ends_the_run_and_its_jobs_and_the_next_run_begins_anew(
    work: Any, undisturbed: bytes, faults: Any
):
    faults.arm(kind="queue", seconds=600, times=3)
    pid = work.start(settings={"lease_seconds": 15})
    work.wait_for("status after")
    orphans = work.job_ids
    with work.blobs() as container:
        container.delete_container()

    assert work.driver.wait(pid) == 1

    refused = work.result(pid)
    assert refused["error"] == "NotFound"
    for told in (work.container, "does not exist", "ContainerNotFound", "Restore the container", "begins anew"):
        assert told in refused["text"]
    assert [work.status(job_id) for job_id in orphans] == [JobStatus.CANCELLED] * 3
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"] * 3

    (work.home / "trace").unlink()
    work.must_run()

    work.require_whole(undisturbed)


DAY = 86400


@pytest.mark.parametrize("seconds", [40 * DAY, -40 * DAY], ids=["ahead", "back"])
def test_a_clock_that_jumps_ends_no_run_and_no_job(work: Any, undisturbed: bytes, faults: Any, seconds: int):
    faults.arm(kind="queue", seconds=2, times=3)
    work.must_run(jump_at="status after", jump_seconds=seconds)
    assert [attempt["state"] for attempt in work.attempts()] == ["verified"] * 3
    # It was met: the journal shows the wrong time, and nothing follows from that.
    times = [(attempt["started_at"], attempt["verified_at"]) for attempt in work.attempts()]
    assert all((started > verified) == (seconds < 0) for started, verified in times)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"] * 3
    work.require_whole(undisturbed)


def test_a_clock_that_jumps_back_lets_no_job_hang_beyond_its_deadline(work: Any, undisturbed: bytes, faults: Any):
    faults.arm(kind="queue", seconds=600)
    work.settings = {"queued_timeout_seconds": 2}
    # Not further, or the storage would take no reference that this clock has signed.
    work.must_run(jump_at="status after", jump_seconds=-1800)
    (hung,) = [attempt for attempt in work.attempts() if attempt["state"] == "cancelled"]
    assert "in the queue" in hung["cause"]
    assert hung["ended_at"] < hung["started_at"]
    work.require_whole(undisturbed)


@pytest.mark.parametrize("package", ["bes", "scoring", "tasks", "flows"])
def test_no_module_asks_for_seconds_of_the_wall_clock(repository: Path, package: str):
    paths = sorted((repository / package).rglob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                assert node.attr in ("monotonic", "sleep"), f"{path}:{node.lineno}: time.{node.attr}"

"""Rows that the web service refuses: found by halving, quarantined with its words, and all others are scored."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import pytest
import requests

from bes.client import BesClient
from tests.campaigns import sampled
from tests.faults.conftest import Work

KILLED = -9
MARKER = "POISON"
PER_JOB = 8
GOOD = [[f"R{number:06d}", "4", f"Review {number},\nwith two lines"] for number in range(1, 17)]
# Quarantined by the contract: the driver plans so for the last row.
BROKEN = ["R999999", "6", "a broken one"]

KILLS = [
    "journal halved before",
    "journal halved after",
    "journal part intent after",
    "journal part submitted before",
    "journal part submitted after",
    "journal part started after",
    "journal part verified after",
    "journal part halved after",
    "journal part refused before",
    "journal part refused after",
    "upload quarantine after",
    "manifest after",
]


def poisoned(places: Iterable[int]) -> list[list[str]]:
    """The good rows in their order, with rows that are refused at these places, and the broken one last."""
    rows = list(GOOD)
    for place in sorted(places):
        rows.insert(place, [f"P{place:06d}", "1", f'a "{MARKER}", in it'])
    return [*rows, BROKEN]


def written(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


@pytest.fixture(scope="session")
def clean(driver: Any, endpoint: Any, azurite: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The predictions of the good rows alone."""
    work = Work(
        driver=driver,
        endpoint=endpoint,
        connection_string=azurite.connection_string,
        home=tmp_path_factory.mktemp("clean") / "work",
        rows=[*GOOD, BROKEN],
    )
    work.must_run(rows_per_job=PER_JOB)
    return work.predictions


@pytest.fixture
def refusing(faults: Any) -> Any:
    faults.arm(kind="refuse_rows", marker=MARKER, times=1000)
    return faults


def quarantine_of(work: Any) -> list[dict[str, str]]:
    (path,) = work.home.glob("runs/*/quarantine.csv")
    (published,) = [name for name in work.names("published/") if name.endswith("quarantine.csv")]
    with work.blobs() as container:
        assert container.download_blob(published).readall() == path.read_bytes()
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def require_isolated(work: Any, manifest: dict[str, Any], clean: bytes, faults: Any, places: Iterable[int]) -> None:
    """What must be true when these rows alone are refused, whatever happened on the way."""
    places = sorted(places)
    assert work.predictions == clean
    counts = [manifest[f"n_{what}"] for what in ("input", "scored", "quarantined", "refused", "failed")]
    assert counts == [17 + len(places), 16, 1 + len(places), len(places), 0]
    assert sum(job["n_rows"] for job in manifest["jobs"]) == 16

    broken, refused = quarantine_of(work)[:2], quarantine_of(work)[2:]
    assert [line["rule"] for line in broken] == ["one", "other"]
    assert [int(line["record"]) for line in refused] == [place + 1 for place in places]
    for line, place in zip(refused, places, strict=True):
        before = written([["review_id", "Col1", "Col2"], *work.rows[:place]])
        assert (line["file"], int(line["line"])) == ("extract.csv", 1 + before.count("\n"))
        assert (line["column"], line["rule"], line["value"]) == ("", "refused_by_service", "")
        assert "column 'Col2': the cell is refused" in line["message"]
        assert line["raw"] == written([work.rows[place]]).removesuffix("\r\n")

    # No rows were sent again as a whole after the service had refused them, and no job that counted was repeated.
    for shard in work.shards():
        verdicts = [attempt["verdict"] for attempt in shard["attempts"]]
        assert verdicts[:-1] == [None] * (len(verdicts) - 1)
        assert sum(attempt["job_id"] is not None for attempt in shard["attempts"]) == 1
    hits = [entry["hit"] for entry in faults.served() if entry["fault"]["kind"] == "refuse_rows"]
    failed = [attempt["job_id"] for attempt in work.attempts() if attempt["verdict"] is not None]
    assert sorted(hits) == sorted(failed)
    work.require_no_live_job()


@pytest.mark.parametrize(
    "places",
    sampled(
        [
            pytest.param([5], id="one among many"),
            pytest.param([0], id="the first row"),
            pytest.param([16], id="the last row, alone in its shard"),
            pytest.param([2, 11], id="two in different shards"),
            pytest.param([9, 10], id="two beside each other"),
            pytest.param([8, 15], id="first and last of a shard"),
            pytest.param(range(8, 16), id="all rows of a shard"),
        ],
        3,
    ),
)
def test_rows_that_the_service_refuses_are_quarantined_and_all_others_are_scored(
    work: Any, clean: bytes, refusing: Any, places: Iterable[int]
):
    work.rows = poisoned(places)
    manifest = work.must_run(rows_per_job=PER_JOB, threads=3)
    require_isolated(work, manifest, clean, refusing, places)


def test_a_refused_row_is_found_in_as_many_jobs_as_halving_takes(work: Any, clean: bytes, refusing: Any):
    work.rows = poisoned([5])
    work.settings = {"max_isolation_jobs": 6}
    manifest = work.must_run(rows_per_job=PER_JOB)
    # Two shards, the last row, and twice three halves of a shard of eight.
    assert len(work.job_ids) == 3 + 6
    assert [(job["index"], job["part"], job["n_rows"]) for job in manifest["jobs"]] == [
        (0, "0", 4),
        (0, "100", 1),
        (0, "11", 2),
        (1, "", 8),
        (2, "", 1),
    ]
    require_isolated(work, manifest, clean, refusing, [5])


@pytest.mark.parametrize("moment", sampled(KILLS, 2))
def test_a_search_that_is_killed_at_a_step_is_finished_by_the_next_run(
    work: Any, clean: bytes, refusing: Any, moment: str
):
    work.rows = poisoned([5, 6, 12])
    assert work.run(rows_per_job=PER_JOB, kill_at=moment) == KILLED
    assert work.trace[-1] == moment

    manifest = work.must_run(rows_per_job=PER_JOB)

    require_isolated(work, manifest, clean, refusing, [5, 6, 12])


def test_a_search_that_is_killed_again_and_again_is_finished(work: Any, clean: bytes, refusing: Any):
    work.rows = poisoned([5, 6, 12])
    while work.run(rows_per_job=PER_JOB, kill_after_steps=80, threads=3) == KILLED:
        assert len(work.shards()) < 40
    assert len([name for name in work.names("runs/") if "/shards/" in name and "-" in name.rpartition("/")[2]]) > 6

    require_isolated(work, work.must_run(rows_per_job=PER_JOB), clean, refusing, [5, 6, 12])


def test_the_limit_ends_the_run_which_tells_what_is_left_and_the_next_run_goes_on(
    work: Any, clean: bytes, refusing: Any
):
    work.rows = poisoned([5, 16])
    work.settings = {"max_isolation_jobs": 3}
    assert work.run(rows_per_job=PER_JOB) == 1
    failed = work.result(work.pid)
    assert failed["error"] == "JobFailed"
    for words in (
        "took 3 jobs",
        "still suspicious, in shard ",
        "the cell is refused",
        "Run again, which goes on from there",
        "BATCH_SCORING_RUN_MAX_ISOLATION_JOBS, now 3",
    ):
        assert words in failed["text"]
    assert work.names("published/") == []
    assert not list(work.home.glob("runs/*/predictions.csv"))
    work.require_no_live_job()
    whole = [attempt for attempt in work.attempts() if attempt["state"] == "verified"]
    assert whole

    work.settings = {"max_isolation_jobs": 70}
    manifest = work.must_run(rows_per_job=PER_JOB)

    require_isolated(work, manifest, clean, refusing, [5, 16])


def test_a_limit_of_zero_halves_nothing(work: Any, refusing: Any):
    work.rows = poisoned([5])
    work.settings = {"max_isolation_jobs": 0}
    for _ in range(2):
        assert work.run(rows_per_job=PER_JOB) == 1
        assert (
            "8 rows are still suspicious, in shard 0-0 (extract.csv, 4 rows), shard 0-1"
            in work.result(work.pid)["text"]
        )
    assert len(work.job_ids) == 3
    assert len(refusing.served()) == 1


def test_a_run_of_which_every_row_is_refused_is_not_published_and_begins_anew_once_the_service_is_mended(
    work: Any, refusing: Any
):
    work.rows = [[f"P{number:06d}", "1", f"{MARKER} {number}"] for number in range(5)] + [BROKEN]
    assert work.run(rows_per_job=3) == 1
    failed = work.result(work.pid)
    assert failed["error"] == "JobFailed"
    assert "refuses each of the 5 rows" in failed["text"]
    assert "the cell is refused" in failed["text"]
    assert work.names("published/") == []
    work.require_no_live_job()
    assert len(refusing.served()) == len(work.attempts()) == 8

    requests.delete(refusing.url, timeout=30).raise_for_status()
    manifest = work.must_run(rows_per_job=3)

    assert (manifest["n_scored"], manifest["n_refused"]) == (5, 0)
    assert [job["part"] for job in manifest["jobs"]] == ["", ""]
    assert [line["rule"] for line in quarantine_of(work)] == ["one", "other"]


def test_refused_rows_count_towards_what_the_contract_bears_and_a_run_that_bears_more_scores_nothing_twice(
    work: Any, clean: bytes, refusing: Any
):
    work.rows = poisoned([5, 12])
    assert work.run(rows_per_job=PER_JOB, tolerance={"rows": 2}) == 1
    refused = work.result(work.pid)
    assert refused["error"] == "InputError"
    for words in (
        "3 of 19 records are bad (15.79%), 2 of them refused by the web service",
        "the contract bears 2.",
        "Nothing was published",
        "run again, which scores nothing twice",
    ):
        assert words in refused["text"]
    assert work.names("published/") == []
    assert not list(work.home.glob("runs/*/predictions.csv"))
    (quarantine,) = work.home.glob("runs/*/quarantine.csv")
    assert quarantine.read_text().count("refused_by_service") == 2
    assert str(quarantine) in refused["text"]
    jobs = work.job_ids

    manifest = work.must_run(rows_per_job=PER_JOB, tolerance={"rows": 3})

    assert work.job_ids == jobs
    require_isolated(work, manifest, clean, refusing, [5, 12])


def test_another_generation_begins_with_whole_shards(work: Any, clean: bytes, refusing: Any):
    work.rows = poisoned([5])
    first = work.must_run(rows_per_job=PER_JOB)
    assert first["n_refused"] == 1
    requests.delete(refusing.url, timeout=30).raise_for_status()

    second = work.must_run(rows_per_job=PER_JOB, rescore=True)

    assert (second["generation"], second["n_scored"], second["n_quarantined"], second["n_refused"]) == (2, 17, 1, 0)
    assert [job["part"] for job in second["jobs"]] == ["", "", ""]
    assert work.predictions != clean
    assert b"P000005" in work.predictions


def test_published_work_with_refused_rows_is_fetched_with_its_quarantine(work: Any, clean: bytes, refusing: Any):
    work.rows = poisoned([5])
    first = work.must_run(rows_per_job=PER_JOB)
    jobs = work.job_ids
    again = work.must_run(rows_per_job=PER_JOB)
    assert again == first
    assert work.job_ids == jobs
    require_isolated(work, again, clean, refusing, [5])


def test_a_shard_that_failed_once_with_words_about_rows_is_scored_in_halves_and_loses_none(
    work: Any, clean: bytes, faults: Any
):
    faults.arm(kind="fail", details="All rows must have same number of elements")
    work.rows = poisoned([])
    manifest = work.must_run(rows_per_job=PER_JOB)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["fail"]
    assert work.predictions == clean
    assert (manifest["n_scored"], manifest["n_refused"], len(manifest["jobs"])) == (16, 0, 3)
    work.require_no_live_job()


@pytest.mark.parametrize(
    "words",
    sampled(
        ["Memory has been exhausted", "The remote server returned an error: (403) Forbidden.", "quota exceeded"], 1
    ),
)
def test_a_failure_that_is_not_about_rows_halves_nothing(work: Any, clean: bytes, faults: Any, words: str):
    faults.arm(kind="fail", details=words)
    work.rows = poisoned([])
    work.must_run(rows_per_job=PER_JOB)
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["fail"]
    assert work.predictions == clean
    assert [(shard["shard"], len(shard["attempts"])) for shard in work.shards()] in (
        [("00000", 2), ("00001", 1)],
        [("00000", 1), ("00001", 2)],
    )


def test_a_job_that_somebody_cancels_is_tried_again_as_a_whole(work: Any, clean: bytes, faults: Any):
    faults.arm(kind="queue", seconds=600)
    work.rows = poisoned([])
    pid = work.start(rows_per_job=PER_JOB)
    work.wait_for("status after")
    (waiting,) = [shard for shard in work.shards() if shard["shard"] == "00000"]
    with BesClient(work.endpoint) as client:
        client.delete(waiting["attempts"][0]["job_id"])
    assert work.driver.wait(pid) == 0
    assert [entry["fault"]["kind"] for entry in faults.served()] == ["queue"]
    assert work.predictions == clean
    assert [shard["shard"] for shard in work.shards()] == ["00000", "00001"]

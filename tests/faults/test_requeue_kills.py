"""Kill -9 at every step of a requeue: readers have one whole version or the other, and the next one finishes it."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns import sampled

KILLED = -9
KEYS = [f"R{number:06d}" for number in range(1, 10)]
BAD = ["R000002", "R000009"]
# The golden row of the contract is scored once, by a job of its own that is in no book.
GOLDEN = 1

MOMENTS = [
    "run published before",
    "submit after",
    "start after",
    "journal verified before",
    "download predictions before",
    "run scored before",
    "run scored after",
    "upload predictions before",
    "upload quarantine before",
    "upload mended before",
    "manifest before",
    "manifest after",
    "latest after",
]


class Morning:
    """A run of which two rows are quarantined, published; and the file in which they are mended."""

    def __init__(self, work: Any, contract: Path) -> None:
        self.work = work
        work.home.mkdir(parents=True)
        extract = work.home / "extract.csv"
        rows = [[key, "9" if key in BAD else "4", f"Review number {key}"] for key in KEYS]
        with extract.open("w", newline="") as target:
            csv.writer(target).writerows([["review_id", "Col1", "Col2"], *rows])
        work.settings = {"data_dir": str(work.home / "runs"), "rows_per_job": 2, "lease_seconds": 15}
        self.how = {"contract": str(contract), "extract": str(extract), "rows_per_job": 2}
        self.first = work.must_run(**self.how)
        self.fixed = self.fix(BAD, "fixed.csv")

    def fix(self, keys: list[str], name: str) -> Path:
        path = self.work.home / name
        rows = [["extract.csv", KEYS.index(key) + 1, f"{key},1,Mended {key}"] for key in keys]
        with path.open("w", newline="") as target:
            csv.writer(target).writerows([["file", "record", "raw"], *rows])
        return path

    def order(self, fixed: Path | None = None) -> dict[str, Any]:
        return {**self.how, "fixed": str(fixed or self.fixed), "run_key": self.first["run_key"]}

    def keys(self, folder: str) -> list[str]:
        with self.work.blobs() as container:
            text = container.download_blob(f"{folder}/predictions.csv").readall().decode()
        return [row[0] for row in csv.reader(text.splitlines())][1:]

    def latest(self) -> dict[str, Any]:
        return self.work.json("published/book_reviews/latest.json")

    def require_whole(self, *, n_versions: int = 2) -> None:
        """The run is published once more, with all rows in their places; each was scored once."""
        latest, run = self.latest(), self.work.json(f"runs/{self.first['run_key']}/run.json")
        assert (run["state"], run["published"]) == ("published", latest["current"]["folder"])
        assert latest["history"][0]["folder"] == self.first["published"]
        assert len(latest["history"]) == n_versions - 1
        assert self.keys(latest["current"]["folder"]) == KEYS
        assert self.keys(self.first["published"]) == [key for key in KEYS if key not in BAD]
        counted = [attempt for attempt in self.work.attempts() if attempt["state"] == "verified"]
        assert sum(attempt["output_rows"] for attempt in counted) == len(KEYS) + GOLDEN
        assert self.work.predictions.decode().count("\n") == len(KEYS) + 1
        self.work.require_no_live_job()


@pytest.fixture
def morning(work: Any, repository: Path) -> Morning:
    return Morning(work, repository / "data/contracts/book_reviews.yaml")


@pytest.fixture
def new_morning(new_work: Callable[[int], Any], repository: Path) -> Callable[[int], Morning]:
    return lambda number: Morning(new_work(number), repository / "data/contracts/book_reviews.yaml")


@pytest.mark.parametrize("moment", sampled(MOMENTS, 2))
def test_a_requeue_that_is_killed_at_a_step_is_finished_by_the_next(morning: Morning, moment: str):
    work = morning.work
    n_before = len(work.trace)
    assert work.run(**morning.order(), kill_at=moment) == KILLED
    assert work.trace[-1] == moment
    assert len(work.trace) > n_before
    # Whatever readers find is whole: the version before, or the new one.
    folder = morning.latest()["current"]["folder"]
    is_new = folder != morning.first["published"]
    assert morning.keys(folder) == (KEYS if is_new else [key for key in KEYS if key not in BAD])
    assert is_new == (moment == "latest after")

    work.must_run(**morning.order())

    morning.require_whole()


@pytest.mark.parametrize("moment", ["upload mended before", "manifest after"])
def test_another_requeue_after_one_that_was_killed_finishes_what_is_decided_and_takes_nothing_else(
    morning: Morning, moment: str
):
    work = morning.work
    assert work.run(**morning.order(morning.fix(BAD[:1], "one.csv")), kill_at=moment) == KILLED
    manifest = work.must_run(**morning.order(morning.fix(BAD[1:], "other.csv")))
    if moment == "manifest after":
        assert [step["n_rows"] for step in manifest["requeued_from"]] == [1, 1]
        morning.require_whole(n_versions=3)
    else:
        assert [step["n_rows"] for step in manifest["requeued_from"]] == [1]
        assert morning.keys(manifest["published"]) == KEYS[:1] + KEYS[2:]


@pytest.mark.slow
def test_a_rescore_after_a_requeue_that_was_killed_takes_a_generation_of_its_own(morning: Morning):
    work = morning.work
    assert work.run(**morning.order(), kill_at="upload mended before") == KILLED
    again = work.must_run(**morning.how, rescore=True)
    assert again["generation"] == 3
    assert len(morning.keys(again["published"])) == len(KEYS) - len(BAD)
    assert work.must_run(**morning.order())["generation"] == 4


def test_two_requeues_at_once_make_one_version(morning: Morning):
    work = morning.work
    pids = [work.start(**morning.order()) for _ in range(2)]
    assert [work.driver.wait(pid) for pid in pids] == [0, 0]
    one, other = (work.result(pid)["manifest"] for pid in pids)
    assert one == other
    morning.require_whole()


@pytest.mark.slow
def test_two_requeues_of_different_rows_at_once_are_both_in_the_last_version(morning: Morning):
    work = morning.work
    pids = [work.start(**morning.order(morning.fix([key], f"{key}.csv"))) for key in BAD]
    assert [work.driver.wait(pid) for pid in pids] == [0, 0]
    morning.require_whole(n_versions=3)

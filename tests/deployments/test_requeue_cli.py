"""The morning after: a person mends rows of the quarantine, and they are scored and merged into the published run."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.conftest import RunCli

SAMPLE = "data/samples/book_reviews.csv"


def records(path: Path | str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def write(lines: list[dict[str, str]], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return path


def mended(line: dict[str, str]) -> dict[str, str]:
    """A line whose record keeps the contract: the key of the record's own number, a rating, a text."""
    return {**line, "raw": f"R{900000 + int(line['record']):06d},4,Mended by hand"}


@pytest.fixture
def scored(cli: RunCli, stack_environment: dict[str, str], repository: Path, tmp_path: Path) -> dict[str, Any]:
    """The sample, scored and published; it is a copy, so that tests may change it."""
    extract = tmp_path / "book_reviews.csv"
    shutil.copyfile(repository / SAMPLE, extract)
    done = cli("run", str(extract), "--contract", "book_reviews", "--json", environment=stack_environment)
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    assert (summary["n_scored"], summary["n_quarantined"]) == (994, 6)
    return summary


def test_all_bad_rows_of_the_sample_are_mended_and_a_rollback_leads_back(
    cli: RunCli, stack_environment: dict[str, str], scored: dict[str, Any], repository: Path, tmp_path: Path
):
    lines = records(scored["quarantine"])
    fixed = write([mended(line) for line in lines], tmp_path / "fixed.csv")
    before = records(scored["predictions"])
    first = Path(scored["manifest"]).read_text()

    done = cli("requeue", scored["run_key"], "--fixed", str(fixed), "--json", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["n_input"], summary["n_scored"], summary["n_quarantined"], summary["n_failed"]) == (
        1000,
        1000,
        0,
        0,
    )
    assert (summary["n_requeued"], summary["n_refused_again"], summary["n_jobs"]) == (6, 0, 1)
    after = records(summary["predictions"])
    bad = {int(line["record"]) for line in lines}
    originals = records(repository / SAMPLE)
    assert [row["review_id"] for row in after] == [
        f"R{900000 + number:06d}" if number in bad else row["review_id"] for number, row in enumerate(originals, 1)
    ]
    assert [row for row in after if not row["review_id"].startswith("R9")] == before
    assert records(summary["quarantine"]) == []
    manifest = json.loads(Path(summary["manifest"]).read_text())
    (step,) = manifest["requeued_from"]
    assert (step["folder"], step["n_rows"], manifest["generation"]) == (json.loads(first)["published"], 6, 2)
    assert all(job["status_calls"] and job["noticed_after_seconds"] is not None for job in step["jobs"])

    back = cli("rollback", "book_reviews", "--json", environment=stack_environment)
    assert (json.loads(back.stdout)["n_scored"], json.loads(back.stdout)["generation"]) == (994, 1)


@pytest.mark.slow
def test_the_same_file_and_the_same_run_again_give_the_mended_version_back(
    cli: RunCli, stack_environment: dict[str, str], scored: dict[str, Any], tmp_path: Path
):
    fixed = write([mended(line) for line in records(scored["quarantine"])], tmp_path / "fixed.csv")
    requeue = ("requeue", scored["run_key"], "--fixed", str(fixed), "--json")

    done = cli(*requeue, environment=stack_environment)
    again = cli(*requeue, environment=stack_environment)
    fetched = cli(
        "run", str(tmp_path / "book_reviews.csv"), "--contract", "book_reviews", "--json", environment=stack_environment
    )

    assert (done.returncode, again.returncode) == (0, 0), done.stderr + again.stderr
    assert json.loads(again.stdout) == {**json.loads(done.stdout), "published_before": True}
    assert fetched.returncode == 0, fetched.stderr
    assert json.loads(fetched.stdout)["n_scored"] == 1000


@pytest.mark.slow
def test_rows_that_are_still_wrong_stay_with_their_new_reason_and_the_next_requeue_goes_on_from_there(
    cli: RunCli, stack_environment: dict[str, str], scored: dict[str, Any], tmp_path: Path
):
    lines = records(scored["quarantine"])
    first, second, *others = [mended(line) for line in lines]
    second["raw"] = "R900001,7,The rating is wrong"
    third = {**others[0], "raw": "R900002,4"}
    unchanged = lines[3:]
    fixed = write([first, second, third, *unchanged], tmp_path / "fixed.csv")

    done = cli("requeue", scored["run_key"], "--fixed", str(fixed), environment=stack_environment)

    assert done.returncode == 0, done.stderr
    assert "1 mended row scored, 2 refused again; published as published/book_reviews/" in done.stdout
    left = records(scored["quarantine"])
    assert [line["record"] for line in left] == [line["record"] for line in lines[1:]]
    assert left[2:] == unchanged
    assert [line["rule"] for line in left[:2]] == ["expect_column_values_to_be_between", "ragged_row"]
    assert [(line["value"], line["raw"]) for line in left[:2]] == [("7", second["raw"]), ("", third["raw"])]
    assert [line["line"] for line in left] == [line["line"] for line in lines[1:]]

    rest = write([mended(line) for line in left], tmp_path / "rest.csv")
    done = cli("requeue", scored["run_key"], "--fixed", str(rest), "--json", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["n_scored"], json.loads(done.stdout)["n_quarantined"]) == (1000, 0)
    steps = json.loads(Path(scored["manifest"]).read_text())["requeued_from"]
    assert [(step["n_rows"], step["n_refused_again"], step["generation"]) for step in steps] == [(1, 2, 1), (5, 0, 2)]


@pytest.mark.slow
def test_the_quarantine_may_be_mended_in_its_own_place(
    cli: RunCli, stack_environment: dict[str, str], scored: dict[str, Any]
):
    lines = records(scored["quarantine"])
    write([mended(lines[0]), *lines[1:]], Path(scored["quarantine"]))

    done = cli("requeue", scored["run_key"], "--fixed", scored["quarantine"], "--json", environment=stack_environment)

    assert done.returncode == 0, done.stderr
    assert records(scored["quarantine"]) == lines[1:]


@pytest.mark.slow
def test_what_cannot_be_requeued_ends_in_one_line_and_exit_code_2(
    cli: RunCli, stack_environment: dict[str, str], scored: dict[str, Any], tmp_path: Path
):
    lines = records(scored["quarantine"])
    fixed = write(lines, tmp_path / "fixed.csv")
    cases = [
        (scored["run_key"], fixed, "No row of"),
        ("0" * 16, fixed, "There is no run '0000000000000000'"),
        (scored["run_key"], tmp_path / "nowhere.csv", "There is no file"),
    ]
    for run_key, path, says in cases:
        done = cli("requeue", run_key, "--fixed", str(path), "--json", environment=stack_environment)
        assert done.returncode == 2, done.stderr
        (error,) = re.findall(r"^error: (.*)$", done.stderr, re.MULTILINE)
        assert says in error
        told = json.loads(done.stdout)
        assert (told["status"], told["error"], told["published"]) == ("failed", error, None)

"""Evidence of real runs: artifacts and log lines on a real Prefect server, and the report in a real browser."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from tests.campaigns import sampled
from tests.patient import patient_session
from tests.waiting import settled

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PHONE = {"width": 360, "height": 740}
SCREEN = {"width": 1440, "height": 900}

pytestmark = pytest.mark.timeout(900)

HOSTILE = "<img src=x onerror=alert(1)>.csv"
PROGRAM = """
import asyncio, json, os, sys, traceback
import requests
from flows.batch_scoring import batch_scoring

faults, *nights = json.load(sys.stdin)
for night in nights:
    for fault in night["faults"]:
        requests.post(faults, json=fault, timeout=30).raise_for_status()
    os.environ.update(night["environment"])
    try:
        asyncio.run(batch_scoring(**night["parameters"]))
    except Exception:
        traceback.print_exc()
    requests.delete(faults, timeout=30).raise_for_status()
"""
"""All runs in one process, since most of what a process costs is its beginning."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What one run left on the server: its flow run, artifacts by key, log lines, and its own last line."""

    flow_run: dict[str, Any]
    artifacts: dict[str, dict[str, Any]]
    task_names: list[str]
    messages: list[str]
    is_over: bool


@dataclass(frozen=True, kw_only=True)
class Run(Left):
    """One run, what its process printed, and its page."""

    output: str
    page: Path

    @property
    def html(self) -> str:
        return self.page.read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """A night after another; `container` is the one that they share."""

    good: Run
    poisoned: Run
    failed: Run
    refused: Run
    container: str


def rows(first: int, n: int, text: str = "A good book") -> str:
    return "".join(f"R{number:06d},4,{text} {number}\n" for number in range(first, first + n))


def write(path: Path, body: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("review_id,Col1,Col2\n" + body)
    return str(path)


class Server:
    """Reads what runs have left on the Prefect server."""

    def __init__(self, api: str) -> None:
        self._api = api

    def read(self, what: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        answer = patient_session().post(f"{self._api}/{what}/filter", json=body, timeout=30)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def left_by(self, path: str) -> Left:
        """What the run over one file has left there so far."""
        by_input = {json.dumps(run["parameters"].get("inputs")): run for run in self.read("flow_runs", {})}
        flow_run = by_input[json.dumps([path])]
        mine = {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}
        logs = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}, "limit": 200}
        lines = self.read("logs", logs)
        return Left(
            flow_run=flow_run,
            artifacts={artifact["key"]: artifact for artifact in self.read("artifacts", mine)},
            task_names=sorted(task["name"] for task in self.read("task_runs", mine)),
            messages=[line["message"] for line in lines],
            is_over=any(line["task_run_id"] is None and "Finished in state" in line["message"] for line in lines),
        )


LAST_TASKS = ("write artifacts", "write artifacts", "write failure report", "validate ")
"""Of the nights below, in their order."""


def is_complete(left: list[Left]) -> bool:
    """Whether the last of each run is there; what is stored later may have come earlier."""
    return all(
        run.is_over and any(name.startswith(last) for name in run.task_names)
        for run, last in zip(left, LAST_TASKS, strict=True)
    )


def night(path: str, *faults: dict[str, Any], attempts: int = 3, **parameters: Any) -> dict[str, Any]:
    gates = {"golden_rows": "off", "golden_job": "off"}
    return {
        "faults": faults,
        "environment": {"BATCH_SCORING_RUN_MAX_ATTEMPTS": str(attempts)},
        "parameters": {"inputs": [path], "rows_per_job": 4, "gates": gates, **parameters},
    }


@pytest.fixture(scope="module")
def runs(
    repository: Path,
    stack_environment: dict[str, str],
    prefect_api: str,
    local_stack: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Runs:
    home = tmp_path_factory.mktemp("nights")
    container = f"test-{uuid.uuid4().hex}"
    poisoned = rows(101, 3) + "R000104,4,POISON\n" + rows(105, 4) + "R000109,9,<script>alert(1)</script>\n"
    nights = [
        night(write(home / "monday.csv", rows(1, 8)), run_date="2026-11-27"),
        night(
            write(home / HOSTILE, poisoned),
            {"kind": "refuse_rows", "marker": "POISON", "times": 100},
            run_date="2026-11-28",
        ),
        night(
            write(home / "wednesday.csv", rows(201, 8)),
            {"kind": "fail", "details": "Memory has been exhausted"},
            attempts=1,
        ),
        night(write(home / "thursday.csv", "R000301,9,too good\n")),
    ]
    # As under a worker: without the settings with which our command line brings log lines to a run.
    hidden = ("PREFECT_LOGGING_EXTRA_LOGGERS", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL")
    own = {"BATCH_SCORING_STORAGE_CONTAINER": container, "BATCH_SCORING_RUN_DATA_DIR": str(home / "runs")}
    environment = {**os.environ, **stack_environment, **own}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=repository,
        env={name: value for name, value in environment.items() if name not in hidden},
        input=json.dumps([f"{local_stack.web_service_url}/faults", *nights]),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folders = sorted((home / "runs").iterdir(), key=lambda folder: (folder / "report.html").stat().st_mtime)
    server = Server(prefect_api)
    paths = [one["parameters"]["inputs"][0] for one in nights]
    left = settled(lambda: [server.left_by(path) for path in paths], complete=is_complete)
    found = [
        Run(**vars(one), output=done.stdout + done.stderr, page=folder / "report.html")
        for one, folder in zip(left, folders, strict=True)
    ]
    return Runs(good=found[0], poisoned=found[1], failed=found[2], refused=found[3], container=container)


def test_a_run_leaves_progress_summary_tables_and_links_under_keys_of_its_dataset(runs: Runs):
    artifacts = runs.poisoned.artifacts
    names = ("progress", "summary", "jobs", "quarantine", "report", "quarantine-file", "data-docs", "predictions")
    assert set(artifacts) == {f"book-reviews-{name}" for name in (*names, "manifest")}
    progress = artifacts["book-reviews-progress"]
    assert (progress["type"], progress["data"]) == ("progress", 100)
    assert re.fullmatch(r"\d+ of \d+ jobs, 8 of 8 rows", progress["description"])
    summary = artifacts["book-reviews-summary"]["data"]
    assert "| quarantined | 2 |" in summary
    n_jobs = len(json.loads((runs.poisoned.page.parent / "manifest.json").read_text())["jobs"])
    assert f"| jobs for the input | {n_jobs} |" in summary
    assert f"<dt>Jobs for the input</dt><dd>{n_jobs} <small>and " in runs.poisoned.html
    assert f"`batch-scoring requeue {runs.poisoned.page.parent.name} --fixed COPY`" in summary
    table = json.loads(artifacts["book-reviews-quarantine"]["data"])
    assert {(line["rule"], line["column"], line["rows"]) for line in table} == {
        ("expect_column_values_to_be_between", "Col1", 1),
        ("refused_by_service", "", 1),
    }
    assert runs.poisoned.page.as_uri() in artifacts["book-reviews-report"]["data"]
    assert "in the container `published/book_reviews/2026-11-28/" in artifacts["book-reviews-report"]["description"]


def test_names_of_runs_and_tasks_say_date_file_shard_and_attempt(runs: Runs):
    assert runs.poisoned.flow_run["name"] == "book_reviews 2026-11-28"
    assert f"submit {HOSTILE} shard 0, attempt 1" in runs.poisoned.task_names
    assert f"start {HOSTILE} shard 0-1, attempt 1" in runs.poisoned.task_names


def test_our_log_lines_are_on_the_page_of_the_run_once_without_any_setting(runs: Runs):
    words = f"published 8 rows to {runs.good.page.parent}"
    assert sum(words in message for message in runs.good.messages) == 1
    assert runs.good.output.count(words) == 1


def test_a_run_that_failed_leaves_what_is_known_the_error_and_what_to_do(runs: Runs):
    summary = runs.failed.artifacts["book-reviews-summary"]["data"]
    assert "Nothing was published. The version of 2026-11-28 stays the latest." in summary
    assert "Memory has been exhausted" in summary
    assert "**What to do now.** Mend what the service names" in summary
    assert "| not scored yet |" in summary
    assert len(json.loads(runs.failed.artifacts["book-reviews-jobs"]["data"])) == 2
    assert "Memory has been exhausted" in runs.failed.html


def test_a_run_whose_input_is_refused_leaves_the_rules_that_it_breaks(runs: Runs):
    assert "The only row of thursday.csv is not accepted" in runs.refused.artifacts["book-reviews-summary"]["data"]
    assert "must be between 1 and 5" in runs.refused.artifacts["book-reviews-quarantine"]["data"]
    assert "must be between 1 and 5" in runs.refused.html
    assert "No job was sent." in runs.refused.html


def test_the_page_compares_a_run_with_the_last_good_one_and_with_its_distributions(runs: Runs):
    assert "Nothing was published before" in runs.good.html
    html = runs.poisoned.html
    assert "Compared with the run of 2026-11-27" in html
    assert 'class="before"' in html
    assert "1 of the quarantined rows is refused by the web service." in html
    assert "scored in halves" in html


def test_the_version_has_the_same_page_as_the_run(runs: Runs, stack_environment: dict[str, str]):
    connection = stack_environment["BATCH_SCORING_STORAGE_CONNECTION_STRING"]
    with BlobServiceClient.from_connection_string(connection) as storage:
        container = storage.get_container_client(runs.container)
        names = [blob.name for blob in container.list_blobs("published/") if blob.name.endswith("report.html")]
        assert len(names) == 2
        newest = container.get_blob_client(max(names))
        assert newest.get_blob_properties().content_settings.content_type == "text/html; charset=utf-8"
        assert newest.download_blob().readall() == runs.poisoned.page.read_bytes()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


LOOKS = [
    pytest.param(viewport, scheme, id=f"{viewport['width']} px-{scheme}")
    for viewport, scheme in ((PHONE, "light"), (SCREEN, "light"), (PHONE, "dark"), (SCREEN, "dark"))
]


@pytest.mark.parametrize(("viewport", "scheme"), sampled(LOOKS, 2))
def test_every_page_stands_alone_fits_and_can_be_read(
    runs: Runs, browser: Any, viewport: dict[str, int], scheme: str, tmp_path: Path
):
    from tests.scoring.contract.docs.test_datadocs_browser import CONTRAST

    for run in (runs.good, runs.poisoned, runs.failed, runs.refused):
        asked: list[str] = []
        complaints: list[str] = []
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        page = context.new_page()
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, complaints=complaints: complaints.append(message.text))
        page.on("pageerror", lambda error, complaints=complaints: complaints.append(str(error)))
        page.goto(run.page.as_uri())

        assert page.locator("html").evaluate("root => root.scrollWidth") <= viewport["width"]
        assert page.evaluate(CONTRAST) == []
        assert page.locator("h1").count() == 1
        assert page.locator("svg:not([role=img][aria-label])").count() == 0
        assert page.locator("script, img, link, iframe, object, embed").count() == 0
        assert (
            page.locator("table").evaluate_all("all => all.filter(one => !one.querySelector('th[scope]')).length") == 0
        )
        assert asked == [run.page.as_uri()]
        assert complaints == []
        context.close()

"""`serve-all` as a newcomer meets it: started, used by the lines it prints, seen in a browser, stopped and started."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from prefect.settings.models.root import Settings

from deployments.stack import prefect_server_settings
from tests.patient import patient_session

CHROMIUM = shutil.which("chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asked for anything elsewhere would not even find it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

pytestmark = pytest.mark.timeout(900)


@dataclass(kw_only=True)
class Walk:
    """A running `serve-all`, and what it printed."""

    process: subprocess.Popen[str]
    data_dir: Path
    said: str
    exports: str
    ran: dict[str, str] = field(default_factory=dict)
    """Flow runs by what became of them."""

    def address(self, what: str) -> str:
        found = re.search(rf"The {what} is at (http://127\.0\.0\.1:\d+)", self.said)
        assert found, self.said
        return found[1]

    @property
    def ui(self) -> str:
        return self.address("Prefect UI")

    @property
    def line(self) -> str:
        """What it says starts a run."""
        (line,) = re.findall(r"^ +(prefect deployment run .*)$", self.said, re.MULTILINE)
        return line

    def read(self, path: str) -> Any:
        answer = patient_session().get(f"{self.ui}/api/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def start_run(self, line: str) -> subprocess.Popen[str]:
        """Run a line in another terminal, after pasting the exports there."""
        binaries = Path(sys.executable).parent
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return subprocess.Popen(
            ["bash", "-c", f"{self.exports}\n{line}"],
            # A home of its own, as if Prefect had never been used here.
            env={
                **environment,
                "PATH": f"{binaries}:{os.environ['PATH']}",
                "PREFECT_HOME": str(self.data_dir / "home"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self, signal_number: signal.Signals) -> str:
        """Stop it; gives what it still said."""
        self.process.send_signal(signal_number)
        _, rest = self.process.communicate(timeout=90)
        assert self.process.returncode == 0, rest
        return rest

    def end(self) -> None:
        """Stop it, whatever has become of it; harmless twice."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=90)


def serve_all(repository: Path, data_dir: Path) -> Walk:
    exports = data_dir / "exports"
    with exports.open("w") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "serve-all", "--ui-port", "0"],
            cwd=repository,
            env={**os.environ, "BATCH_SCORING_RUN_DATA_DIR": str(data_dir), "BATCH_SCORING_SERVICE_FAULTS": "true"},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if "console of the web service" in line:
            return Walk(process=process, data_dir=data_dir, said=said, exports=exports.read_text())
    raise AssertionError(said)


def eventually(probe: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < end
        time.sleep(0.2)


def flow_run_id(said: str) -> str:
    found = re.search(r"UUID: ([0-9a-f-]{36})", said)
    assert found, said
    return found[1]


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of living processes that were started for this data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(data_dir).encode() in environment and command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.fixture(scope="module")
def walk(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Started, with one run that has finished and one that has failed."""
    walk = serve_all(repository, tmp_path_factory.mktemp("walk"))
    try:
        renamed = walk.data_dir / "renamed.csv"
        renamed.write_text("review_id,Col1,Colum2\nR000001,5,Fine\n")
        sample = re.search(r"\S+/book_reviews\.csv", walk.line.replace('"', " "))
        assert sample
        lines = {"Completed": walk.line, "Failed": walk.line.replace(sample[0], str(renamed))}
        for state, run in {state: walk.start_run(line) for state, line in lines.items()}.items():
            said, _ = run.communicate(timeout=240)
            walk.ran[state] = flow_run_id(said)
            assert run.returncode == (0 if state == "Completed" else 1), said
        yield walk
    finally:
        walk.end()


@pytest.mark.slow
def test_the_printed_lines_start_runs_that_end_as_they_must(walk: Walk):
    for state, flow_run in walk.ran.items():
        assert walk.read(f"flow_runs/{flow_run}")["state"]["name"] == state
    assert requests.get(walk.address("console of the web service"), timeout=30).ok
    nightly, on_demand = (walk.read(f"deployments/name/batch-scoring/{name}") for name in ("nightly", "on-demand"))
    assert nightly["work_pool_name"] == on_demand["work_pool_name"] == "batch-scoring"
    # The scheduler makes the runs of the coming nights once a minute.
    scheduled = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "deployments": {"id": {"any_": [nightly["id"]]}},
    }
    eventually(lambda: requests.post(f"{walk.ui}/api/flow_runs/filter", json=scheduled, timeout=30).json() != [])


def test_every_line_of_the_servers_file_is_a_setting_that_prefect_knows(monkeypatch: pytest.MonkeyPatch):
    settings = prefect_server_settings()
    assert len(settings) > 8
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    understood = Settings().to_environment_variables(exclude_unset=True)
    assert {name: understood.get(name, "").lower().removesuffix(".0") for name in settings} == settings


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, walk: Walk) -> Iterator[Any]:
    """A page of a new browser; at the end it has asked nobody but the server."""
    asked: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 960}, timezone_id="UTC", locale="en-GB")
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    yield page
    context.close()
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(walk.ui).netloc}


@pytest.fixture
def screenshot(page: Any, tmp_path: Path) -> Callable[[str], None]:
    """Keeps what the page shows, where BATCH_SCORING_SCREENSHOTS says or among the test's own files."""
    folder = Path(os.environ.get("BATCH_SCORING_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: page.screenshot(path=folder / f"{name}.png")


def open_run(page: Any, walk: Walk, state: str) -> None:
    page.goto(f"{walk.ui}/runs/flow-run/{walk.ran[state]}")
    heading = page.locator(".page-heading, header").filter(has_text="book_reviews").first
    heading.get_by_text(state, exact=True).wait_for()


def open_tab(page: Any, name: str) -> Any:
    page.locator("li.p-tab").get_by_text(name, exact=True).click()
    return page.locator("section.p-tabs")


@pytest.mark.slow
def test_the_ui_shows_a_finished_run_with_its_tasks_artifacts_and_log_lines(
    page: Any, walk: Walk, screenshot: Callable[[str], None]
):
    open_run(page, walk, "Completed")
    for line in ("accepted, 6 quarantined", "submitted shard 0", "published 994 rows"):
        page.locator("section.p-tabs").get_by_text(line).first.wait_for()
    screenshot("finished-logs")
    tasks = open_tab(page, "Task Runs")
    for task in ("write artifacts", "check row count", "poll all jobs"):
        tasks.get_by_text(task, exact=True).wait_for()
    screenshot("finished-tasks")
    artifacts = open_tab(page, "Artifacts")
    artifacts.get_by_text("book-reviews-summary").first.wait_for()
    screenshot("finished-artifacts")
    artifacts.get_by_text("book-reviews-summary").first.click()
    page.get_by_role("heading", name="994 of 1,000 rows are scored and published; 6 are quarantined.").wait_for()
    screenshot("finished-summary")


@pytest.mark.slow
def test_the_ui_shows_why_a_run_has_failed(page: Any, walk: Walk, screenshot: Callable[[str], None]):
    open_run(page, walk, "Failed")
    reason = "InputError: Input 'renamed.csv': column 'Col2' is missing. Did you mean 'Col2' by 'Colum2'? Rename it."
    page.locator("section.p-tabs").get_by_text(reason).last.scroll_into_view_if_needed()
    screenshot("failed-logs")
    tasks = open_tab(page, "Task Runs")
    tasks.get_by_text("validate book_reviews").wait_for()
    assert tasks.get_by_text("Failed", exact=True).count() >= 1
    screenshot("failed-tasks")
    open_tab(page, "Artifacts").get_by_text("book-reviews-summary").first.wait_for()
    details = open_tab(page, "Details")
    details.get_by_text("See More").click()
    page.get_by_text(reason).last.scroll_into_view_if_needed()
    screenshot("failed-details")


@pytest.mark.slow
def test_a_run_that_is_stopped_with_everything_goes_on_at_the_next_start(walk: Walk, repository: Path):
    queue = {"kind": "queue", "seconds": 90}
    requests.post(f"{walk.address('console of the web service')}/faults", json=queue, timeout=30).raise_for_status()
    other = walk.data_dir / "other.csv"
    other.write_text("review_id,Col1,Col2\nR000001,5,This is a good day\n")
    inputs = json.dumps([str(other)])
    with walk.start_run(f"prefect deployment run batch-scoring/on-demand --param 'inputs={inputs}'") as run:
        flow_run = flow_run_id(run.communicate(timeout=120)[0])
    started = {"logs": {"flow_run_id": {"any_": [flow_run]}}}
    url = f"{walk.ui}/api/logs/filter"
    eventually(lambda: "started job" in requests.post(url, json=started, timeout=30).text)

    rest = walk.stop(signal.SIGTERM)

    assert "goes on at the next start" in rest
    assert "Traceback" not in rest
    assert processes_of(walk.data_dir) == []
    again = serve_all(repository, walk.data_dir)
    try:
        eventually(lambda: again.read(f"flow_runs/{flow_run}")["state"]["name"] == "Completed", seconds=300)
        assert again.read(f"flow_runs/{flow_run}")["run_count"] == 2
        assert again.read(f"flow_runs/{walk.ran['Completed']}")["state"]["name"] == "Completed"
        assert list(walk.data_dir.glob("*/manifest.json"))
        again.stop(signal.SIGINT)
        assert processes_of(walk.data_dir) == []
    finally:
        again.end()

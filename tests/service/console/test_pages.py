"""What the pages show, and that what they show is text whatever is in it."""

from datetime import timedelta
from importlib.resources import files

import pytest

from service.console.pages import STATIC_FILES
from service.console.view_models import duration_text
from tests.service.console import odd_service
from tests.service.console.conftest import Stack
from tests.service.console.running import Console, Page
from tests.service.running import RunningService

ODD_PAGES = f"/console/services/{odd_service.SERVICE}"
TEMPLATES = ["base", "error", "home", "job", "jobs", "parts", "refusal", "samples", "test", "try_it"]


def assert_nothing_runs(page: Page) -> None:
    """No element and no attribute came from a name."""
    assert [attributes for tag, attributes in page.elements if tag in ("img", "b", "iframe")] == []
    scripts = [attributes.get("src") for tag, attributes in page.elements if tag == "script"]
    assert scripts in ([], ["/console/static/in_place.js"])
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_templates_and_files_are_found_in_the_package() -> None:
    folder = files("service.console")
    assert all((folder / "templates" / f"{name}.html").is_file() for name in TEMPLATES)
    assert len([each for each in (folder / "templates" / "samples").iterdir() if each.name.endswith(".txt")]) == 6
    assert all((folder / "static" / name).is_file() for name in STATIC_FILES)


def test_home_shows_ids_addresses_ports_and_parameters(stack: Stack) -> None:
    page = stack.console.get("/")
    endpoint = stack.endpoint
    path = f"/workspaces/{endpoint.workspace}/services/{endpoint.service}"
    assert page.status == 200
    for shown in (
        "SimpleFeatureHashingExperiment",
        f"Workspace id {endpoint.workspace}",
        f"Service id {endpoint.service}",
        f"Through the gateway {endpoint.url}{path}",
        f"Direct {stack.console.url}{path}",
        "Input port input1 , 1 column Column Type Col2 String",
        "Output port output1 , 8 columns",
        "Col2_HashingFeature.7 Int32",
        "Hashing bitsize Int32 3 1 to 16",
    ):
        assert shown in page.text, shown
    links = [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
    assert f"{stack.console.url}{path}/swagger.json" in links


def test_home_links_lead_to_pages(stack: Stack) -> None:
    page = stack.console.get("/")
    paths = {
        attributes["href"] for tag, attributes in page.elements if tag in ("a", "link") and attributes["href"][0] == "/"
    }
    assert len(paths) >= 7
    assert {path: stack.console.get(path).status for path in paths} == dict.fromkeys(paths, 200)


def test_names_of_a_declaration_are_shown_as_text(odd_console: Console) -> None:
    for path in ("/", f"{ODD_PAGES}/test", f"{ODD_PAGES}/try-it", f"{ODD_PAGES}/samples"):
        page = odd_console.get(path)
        assert page.status == 200
        assert odd_service.NAME in page.text
        assert_nothing_runs(page)


def test_wide_ports_are_cut_and_counted(odd_console: Console) -> None:
    page = odd_console.get("/")
    assert "Output port output1 , 250 columns" in page.text
    assert "c199 Int32" in page.text
    assert "c200 Int32" not in page.text
    assert "… and 50 more" in page.text


def test_service_of_a_subscription_shows_that_address_too(odd_console: Console) -> None:
    address = f"{odd_console.url}/subscriptions/{odd_service.SUBSCRIPTION}/services/{odd_service.SERVICE}"
    assert f"Also {address}" in odd_console.get("/").text


def test_jobs_are_listed_newest_first_and_say_why_they_failed(odd: RunningService, odd_console: Console) -> None:
    reference = odd.upload("odd.csv", "other\n1\n")
    body = {"Inputs": {odd_service.PORT: reference}, "GlobalParameters": {odd_service.PARAMETER: 1}}
    waiting = odd.submit(body).json
    failed = odd.run(body)
    assert odd.ended(failed)["StatusCode"] == "Failed"
    page = odd_console.get("/console/jobs")
    assert page.text.index(failed) < page.text.index(waiting)
    assert "Failed" in page.text
    assert "NotStarted submitted, not started" in page.text
    assert "is missing from the header" in page.text
    assert_nothing_runs(page)

    detail = odd_console.get(f"{ODD_PAGES}/jobs/{failed}")
    assert detail.status == 200
    assert " ".join(odd.ended(failed)["Details"].split()) in detail.text
    assert odd_service.TEXT_COLUMN in detail.text
    assert_nothing_runs(detail)
    assert odd_console.get(f"{ODD_PAGES}/try-it/{failed}").element("jobid")["value"] == failed


def test_no_storage_key_is_on_any_page_of_a_job(odd: RunningService, odd_console: Console) -> None:
    reference = odd.upload("keys.csv", "other\n1\n")
    job_id = odd.submit({"Inputs": {odd_service.PORT: reference}, "GlobalParameters": {odd_service.PARAMETER: 1}}).json
    for path in ("/", "/console/jobs", f"{ODD_PAGES}/jobs/{job_id}"):
        page = odd_console.get(path)
        assert job_id in page.html
        assert "AccountKey" not in page.html


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{ODD_PAGES}/jobs/{'0' * 32}", "JobNotFound"),
        (f"{ODD_PAGES}/jobs/%3Cscript%3E", "JobNotFound"),
        (f"/console/services/{'0' * 32}/test", "WebServiceNotFound"),
        ("/console/services/%3Cscript%3E/try-it", "WebServiceNotFound"),
        ("/console/nothing", "ResourceNotFound"),
        ("/console/static/console.py", "ResourceNotFound"),
        ("/console/static/..%2Fpages.py", "ResourceNotFound"),
    ],
)
def test_what_does_not_exist_is_a_page_with_the_documented_words(odd_console: Console, path: str, code: str) -> None:
    page = odd_console.get(path)
    assert page.status == 404
    assert f"404 NotFound : Resource not found. {code} :" in page.text
    assert_nothing_runs(page)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.0449, "45 ms"),
        (4.72, "4.7 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7380, "2 h 03 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations_are_told_as_people_tell_them(seconds: float, text: str) -> None:
    assert duration_text(timedelta(seconds=seconds)) == text

"""Which calls are operations, and which do not exist."""

from pathlib import Path

import pytest

from service.openapi import load_operations
from service.operations import match_operation

OPERATIONS = load_operations(Path(__file__).parents[2] / "deployments/apim/openapi.json")

SERVICE = "/workspaces/w1/services/s1"
VERSION = "api-version=2.0"

CALLS = [
    ("RRS Execute", "POST", f"{SERVICE}/execute", f"{VERSION}&details=true"),
    ("RRS Execute", "POST", f"{SERVICE}/execute", VERSION),
    ("BES Submit", "POST", f"{SERVICE}/jobs", VERSION),
    ("BES Start", "POST", f"{SERVICE}/jobs/j1/start", VERSION),
    ("BES Status", "GET", f"{SERVICE}/jobs/j1", VERSION),
    ("BES Delete", "DELETE", f"{SERVICE}/jobs/j1", VERSION),
]


def name_of(method: str, path: str, query: str) -> str | None:
    operation = match_operation(OPERATIONS, method, path, query)
    return operation.name if operation else None


@pytest.mark.parametrize(("name", "method", "path", "query"), CALLS)
def test_each_published_call_is_its_operation(name: str, method: str, path: str, query: str):
    assert name_of(method, path, query) == name


def test_the_operations_have_the_published_names_and_templates():
    assert sorted((each.name, each.method, each.url_template) for each in OPERATIONS) == [
        ("BES Delete", "DELETE", "/workspaces/{workspace}/services/{service}/jobs/{jobid}?api-version={apiversion}"),
        ("BES Start", "POST", "/workspaces/{workspace}/services/{service}/jobs/{jobid}/start?api-version={apiversion}"),
        ("BES Status", "GET", "/workspaces/{workspace}/services/{service}/jobs/{jobid}?api-version={apiversion}"),
        ("BES Submit", "POST", "/workspaces/{workspace}/services/{service}/jobs?api-version={apiversion}"),
        (
            "RRS Execute",
            "POST",
            "/workspaces/{workspace}/services/{service}/execute?api-version={apiversion}&details={details}",
        ),
        ("Service Description", "GET", "/workspaces/{workspace}/services/{service}/swagger.json"),
    ]


def test_the_description_of_a_service_is_read_with_or_without_a_version():
    assert name_of("GET", f"{SERVICE}/swagger.json", VERSION) == "Service Description"
    assert name_of("GET", f"{SERVICE}/swagger.json", "") == "Service Description"
    assert name_of("POST", f"{SERVICE}/swagger.json", VERSION) is None


@pytest.mark.parametrize(("name", "method", "path", "query"), CALLS)
def test_a_call_without_api_version_is_no_operation(name: str, method: str, path: str, query: str):
    assert name_of(method, path, query.replace("api-version", "version")) is None
    assert name_of(method, path, "") is None


@pytest.mark.parametrize(("name", "method", "path", "query"), CALLS)
@pytest.mark.parametrize("other", ["PUT", "PATCH", "HEAD", "OPTIONS", "post"])
def test_another_verb_is_no_operation(name: str, method: str, path: str, query: str, other: str):
    assert name_of(other, path, query) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        SERVICE,
        f"{SERVICE}/jobs/",
        f"{SERVICE}/jobs/j1/",
        f"{SERVICE}/jobs/j1/stop",
        f"{SERVICE}/swagger.json/",
        f"{SERVICE}/swagger",
        f"/x{SERVICE}/jobs",
        "/workspaces//services/s1/jobs",
        "/workspaces/../services/s1/jobs",
        "/workspaces/%2e%2E/services/s1/jobs",
        "/workspaces/w1/services/./jobs",
        "/Workspaces/w1/services/s1/jobs",
    ],
)
def test_a_path_beside_the_templates_is_no_operation(path: str):
    assert [name_of(method, path, VERSION) for method in ("GET", "POST", "DELETE")] == [None, None, None]


@pytest.mark.parametrize(
    "query", [f"a=b&{VERSION}", f"{VERSION}&subscription-key=k", "api-version=", "api%2Dversion=2"]
)
def test_the_query_may_hold_more_and_its_values_are_the_backends_concern(query: str):
    assert name_of("POST", f"{SERVICE}/jobs", query) == "BES Submit"


def test_a_segment_may_hold_any_percent_encoded_text():
    assert name_of("GET", "/workspaces/a%20b/services/%C3%A9/jobs/a%2Fb", VERSION) == "BES Status"

"""Who is refused: other names for this machine, forms from elsewhere, and what is no form."""

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.console.guard import HEADERS
from tests.service.console import odd_service
from tests.service.console.conftest import Stack
from tests.service.console.running import Console, service_process
from tests.service.running import Keys, running_service

TEST_FORM = f"/console/services/{odd_service.SERVICE}/test"


@pytest.mark.parametrize("path", ["/", "/console/jobs", "/console/nothing", "/console/static/console.css"])
def test_every_answer_lets_nothing_in_from_elsewhere(odd_console: Console, path: str) -> None:
    given = {name.lower(): value for name, value in odd_console.get(path).headers.items()}
    assert {name: given.get(name.lower()) for name in HEADERS} == HEADERS
    assert "'unsafe" not in given["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", "a b", "10.0.0.1"]
)
def test_name_that_is_not_ours_is_refused(odd_console: Console, host: str) -> None:
    page = odd_console.get("/", Host=host)
    assert page.status == 421
    assert odd_service.SERVICE not in page.html
    assert odd_console.get("/console/jobs", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:5"])
def test_names_of_this_machine_are_ours_whatever_the_port(odd_console: Console, host: str) -> None:
    # The port may be forwarded.
    assert odd_console.get("/", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": ""},
    ],
    ids=str,
)
def test_form_from_elsewhere_is_refused(odd_console: Console, headers: dict[str, str]) -> None:
    page = odd_console.post(TEST_FORM, {"input-0-0": "a"}, **headers)
    assert page.status == 403
    assert "This form came from elsewhere" in page.text
    assert odd_console.post(f"/console/services/{odd_service.SERVICE}/try-it", {}, **headers).status == 403


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": ""}, {"Origin": ""}], ids=str)
def test_either_word_of_the_browser_is_enough(odd_console: Console, headers: dict[str, str]) -> None:
    assert odd_console.post(TEST_FORM, {"parameter-0": "1"}, **headers).status == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"input-0-0": "a"}', {"Content_Type": "application/json"}),
        (b"input-0-0=a", {"Content_Type": ""}),
        (b"input-0-0=%ff%fe", {}),
        (b"input-0-0=\xff", {}),
        (b"input-0-0=" + b"a" * 20_000, {}),
    ],
    ids=["json", "no type", "no text", "bytes", "too large"],
)
def test_what_is_no_form_is_refused_with_a_page(odd_console: Console, body: bytes, headers: dict[str, str]) -> None:
    page = odd_console.post(TEST_FORM, body, **headers)
    assert page.status == (413 if len(body) > 20_000 else 400)
    assert page.headers["content-type"].startswith("text/html")


def test_more_fields_than_a_person_fills_in_are_refused(stack: Stack) -> None:
    path = f"/console/services/{stack.endpoint.service}/test"
    assert stack.console.post(path, b"a=&" * 9_000).status == 200
    page = stack.console.post(path, b"a=&" * 11_000)
    assert (page.status, "RequestBodyInvalid" in page.text) == (400, True)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_answered_with_a_page(odd_console: Console, method: str) -> None:
    own = {"Origin": odd_console.url}
    assert odd_console.send(method, "/", None, own).status == 404
    assert odd_console.send(method, TEST_FORM, None, {}).status == 403


@pytest.mark.parametrize(("console", "statuses"), [(None, {"": 404}), (True, {"": 200, "evil.example": 421})])
def test_console_is_off_where_others_could_reach_it_unless_asked_for(
    tmp_path: Path, console: bool | None, statuses: dict[str, int]
) -> None:
    # 127.0.0.2 stands for an address that is not among the loopback names of the settings.
    with service_process(tmp_path, host="127.0.0.2", console=console) as address:
        for host, status in statuses.items():
            connection = http.client.HTTPConnection(address, timeout=30)
            connection.request("GET", "/", headers={"Host": host} if host else {})
            assert connection.getresponse().status == status
            connection.close()


def test_console_can_be_turned_off(azurite: Any, tmp_path: Path) -> None:
    with running_service(tmp_path, azurite.connection_string, keys=Keys(), console="false") as service:
        assert service.call("GET", f"{service.url}/").codes == (404, "NotFound", "ResourceNotFound")
        assert service.call("GET", f"{service.url}/console/jobs").status == 404


def test_calls_of_programs_are_not_looked_at_by_the_guard(stack: Stack) -> None:
    connection = http.client.HTTPConnection(urlsplit(stack.console.url).netloc, timeout=30)
    path = f"/workspaces/{stack.endpoint.workspace}/services/{stack.endpoint.service}/swagger.json"
    connection.request("GET", path, headers={"Host": "batch.example"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-security-policy") is None
    answer.read()
    connection.close()

"""Try it: the five operations through the gateway, one address only, keys nowhere, and every way the call can fail."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.console.try_it import MAX_CONTENT_BYTES, OPERATIONS, FormProblems, NoAnswer, prepare, send
from tests.service.console.conftest import Stack, free_port
from tests.service.console.far_side import FarSide, far_side
from tests.service.console.running import Console, Page, service_process
from tests.service.running import RunningService, wait_until

FORM = {"workspace": "w", "service": "s", "jobid": "j", "apiversion": "2.0", "details": "true"}
SUBSCRIPTION_KEY = "subscription-key-4711"
API_KEY = "api-key-0815+/=="


@pytest.fixture(scope="module")
def far() -> Iterator[FarSide]:
    with far_side() as server:
        yield server


@pytest.fixture(scope="module")
def console_of_far(far: FarSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that was told of `far` as its gateway."""
    home = tmp_path_factory.mktemp("far")
    with service_process(home, gateway_url=f"{far.url}/azureml-demo", request_timeout_seconds=1) as address:
        yield Console(url=f"http://{address}", log=home / "service.log")


@pytest.fixture
def tried(far: FarSide, console_of_far: Console) -> Any:
    """Sends the form, and gives the page."""
    far.seen.clear()
    far.answer = lambda handler: handler.reply(200, b"{}")

    def post(operation: str, **fields: str) -> Page:
        keys = {"subscription_key": SUBSCRIPTION_KEY, "authorization": API_KEY}
        form = {**FORM, **keys, "content_type": "application/json", "operation": operation, **fields}
        return console_of_far.post(f"/console/services/{'b' * 32}/try-it", form)

    return post


def call(stack: Stack, operation: str, **fields: str) -> Page:
    form = {
        "workspace": stack.endpoint.workspace,
        "service": stack.endpoint.service,
        "apiversion": "2.0",
        "details": "true",
        "operation": operation,
        "subscription_key": stack.subscription_key,
        "authorization": f"Bearer {stack.api_key}",
        "content_type": "application/json",
        **fields,
    }
    return stack.console.post(f"/console/services/{stack.endpoint.service}/try-it", form)


def test_all_five_operations_go_through_the_gateway(stack: Stack) -> None:
    base = f"{stack.endpoint.url}/workspaces/{stack.endpoint.workspace}/services/{stack.endpoint.service}"
    empty = stack.console.get(f"/console/services/{stack.endpoint.service}/try-it")
    executed = call(stack, "rrs-execute", execute_body=_text_of(empty, "execute_body"))
    assert f"POST {base}/execute?api-version=2.0&details=true Response status 200 OK" in executed.text
    assert '["1", "1", "2", "2", "0", "2", "0", "1"]' in executed.text

    place = {"ConnectionString": stack.connection_string, "RelativeLocation": "/missing/in.csv"}
    submitted = call(stack, "bes-submit", submit_body=json.dumps({"Input": place}))
    job_id = submitted.element("jobid")["value"]
    assert f'"{job_id}" The id is filled in as jobid.' in submitted.text
    started = call(stack, "bes-start", jobid=job_id)
    assert f"POST {base}/jobs/{job_id}/start?api-version=2.0 Response status 200 OK" in started.text
    assert "Response content Empty." in started.text
    status = wait_until(lambda: _if_in(call(stack, "bes-status", jobid=job_id), '"StatusCode": "Failed"'))
    assert "ContainerNotFound" in status.text
    deleted = call(stack, "bes-delete", jobid=job_id)
    assert f"DELETE {base}/jobs/{job_id}?api-version=2.0 Response status 200 OK" in deleted.text


def _text_of(page: Page, name: str) -> str:
    """What stands in a text area."""
    body = page.html.partition(f'id="{name}"')[2].partition(">\n")[2].partition("</textarea>")[0]
    return body.replace("&#34;", '"')


def _if_in(page: Page, text: str) -> Page | None:
    return page if text in page.text else None


def test_gateways_own_refusal_is_shown_as_it_is(stack: Stack) -> None:
    page = call(stack, "bes-status", jobid="1", subscription_key="wrong")
    assert page.status == 200
    assert "Response status 401" in page.text
    assert '"statusCode": 401' in page.text
    assert "www-authenticate" in page.text.lower()


def test_without_a_gateway_the_service_itself_is_called(odd: RunningService, odd_console: Console) -> None:
    form = {
        **FORM,
        "workspace": odd.workspace,
        "service": odd.service,
        "jobid": "0" * 32,
        "operation": "bes-status",
        "authorization": odd.api_key,
    }
    page = odd_console.post(
        f"/console/services/{odd.service}/try-it", form, Host="localhost", Origin="http://localhost"
    )
    assert f"GET {odd.url}/workspaces/" in page.text
    assert "JobNotFound" in page.text


def test_keys_are_sent_and_never_shown_kept_or_logged(stack: Stack) -> None:
    connection_string = stack.connection_string
    body = json.dumps({"Input": {"ConnectionString": connection_string, "RelativeLocation": "/c/in.csv"}})
    pages = [
        call(stack, "bes-submit", submit_body=body),
        call(stack, "bes-status", jobid="1", authorization="Bearer x"),
    ]
    pages.append(call(stack, "bes-start", jobid=""))
    pages.append(stack.console.get(f"/console/services/{stack.endpoint.service}/try-it"))
    assert [page.status for page in pages] == [200, 200, 400, 200]
    account_key = connection_string.partition("AccountKey=")[2].partition(";")[0]
    texts = [page.html for page in pages] + [stack.console.log.read_text()]
    for secret in (stack.subscription_key, stack.api_key, account_key):
        assert not [text for text in texts if secret in text]
    assert all("value" not in page.element(name) for page in pages for name in ("subscription_key", "authorization"))
    assert all(page.element("authorization")["type"] == "password" for page in pages)


def test_keys_that_the_other_side_repeats_are_blotted_out(tried: Any, far: FarSide) -> None:
    far.answer = lambda handler: handler.reply(200, json.dumps(dict(handler.headers.items())).encode(), X_Echo=API_KEY)
    page = tried("bes-status")
    (_, _, headers, _) = far.seen[0]
    assert headers["Ocp-Apim-Subscription-Key"] == SUBSCRIPTION_KEY
    assert headers["Authorization"] == f"Bearer {API_KEY}"
    assert "Bearer ***" in page.html
    assert "X-Echo: ***" in page.html
    assert SUBSCRIPTION_KEY not in page.html
    assert API_KEY not in page.html


@pytest.mark.parametrize("value", ["..", ".", "", "  "])
@pytest.mark.parametrize("name", ["workspace", "service", "jobid"])
def test_path_cannot_leave_its_operation(tried: Any, far: FarSide, name: str, value: str) -> None:
    page = tried("bes-status", **{name: value})
    assert page.status == 400
    assert f"{name} must be filled in." in page.text
    assert page.element(name)["aria-invalid"] == "true"
    assert far.seen == []


@pytest.mark.parametrize(
    "value", ["../../admin", "a/b", "//evil.example", "@evil.example:80/", "x?y=1#z", "%2e%2e", "a\r\nX: y", "é", "<b>"]
)
def test_parameters_stay_what_they_are_and_lead_nowhere_else(tried: Any, far: FarSide, value: str) -> None:
    page = tried("bes-status", jobid=value, apiversion=value)
    ((method, target, _, _),) = far.seen
    assert method == "GET"
    path, _, query = target.partition("?")
    assert path.startswith("/azureml-demo/workspaces/w/services/s/jobs/")
    assert path.count("/") == 7
    assert query.startswith("api-version=")
    assert "&" not in query
    assert "#" not in target
    assert [tag for tag, _ in page.elements if tag == "b"] == []


@pytest.mark.parametrize("name", ["subscription_key", "authorization", "content_type"])
@pytest.mark.parametrize(
    "value", ["long-enough\r\nX-Injected: 1", "long-enough\x00", "schlüssel-key", "bidi-\u202e-key"]
)
def test_header_that_cannot_be_sent_is_refused_without_showing_it(
    tried: Any, far: FarSide, name: str, value: str
) -> None:
    page = tried("rrs-execute", **{name: value})
    assert page.status == 400
    assert "has characters that no header can carry." in page.text
    assert far.seen == []
    if name != "content_type":
        assert value.split("\r", maxsplit=1)[0].strip("\x00") not in page.html


def test_unknown_operation_is_refused(tried: Any, far: FarSide) -> None:
    page = tried("drop-everything")
    assert (page.status, "Choose an operation." in page.text, far.seen) == (400, True, [])


def test_body_is_sent_as_typed_and_only_where_there_is_one(tried: Any, far: FarSide) -> None:
    tried("rrs-execute", execute_body='{"a": "é"}', submit_body="other")
    tried("bes-start", execute_body="no", submit_body="no")
    (execute, start) = far.seen
    assert (execute[2]["Content-Type"], execute[3].decode()) == ("application/json", '{"a": "é"}')
    assert "Content-Type" not in start[2]
    assert start[3] == b""


def test_redirects_are_shown_and_not_followed(tried: Any, far: FarSide) -> None:
    far.answer = lambda handler: handler.reply(302, b"", Location="http://evil.example/")
    page = tried("bes-status")
    assert "Response status 302 Found" in page.text
    assert "Location: http://evil.example/" in page.text
    assert len(far.seen) == 1


def test_long_answer_is_cut(tried: Any, far: FarSide) -> None:
    far.answer = lambda handler: handler.reply(200, b"x" * (MAX_CONTENT_BYTES * 4))
    page = tried("bes-status")
    assert page.html.count("x" * MAX_CONTENT_BYTES) == 1
    assert "The first 256 KiB of a longer answer." in page.text


def test_answer_is_text_whatever_it_is(tried: Any, far: FarSide) -> None:
    attack = b"</pre><img src=x onerror=alert(1)>\xff"
    far.answer = lambda handler: handler.reply(200, attack, X_Bad="<img src=y>", Content_Type="text/html")
    page = tried("bes-status")
    assert "</pre><img src=x onerror=alert(1)>\ufffd" in page.text
    assert [tag for tag, _ in page.elements if tag == "img"] == []


def test_answer_that_breaks_off_is_a_sentence(tried: Any, far: FarSide) -> None:
    far.answer = lambda handler: handler.break_off()
    page = tried("bes-status")
    assert page.status == 502
    assert "The answer broke off or could not be read" in page.text
    assert f"GET {far.url}/azureml-demo/workspaces/w/services/s/jobs/j" in page.text


def test_no_answer_in_time_is_a_sentence(far: FarSide) -> None:
    far.answer = lambda handler: handler.stall(2)
    prepared = prepare({**FORM, "operation": "bes-status"}, far.url)
    with pytest.raises(NoAnswer) as caught:
        asyncio.run(send(prepared, timeout_seconds=0.3))
    assert caught.value.sentence == "No answer within 0.3 seconds."


def test_gateway_that_is_down_is_a_sentence(tmp_path: Path) -> None:
    down = f"http://127.0.0.1:{free_port()}/azureml-demo"
    with service_process(tmp_path, gateway_url=down) as address:
        console = Console(url=f"http://{address}", log=tmp_path / "service.log")
        page = console.post(f"/console/services/{'b' * 32}/try-it", {**FORM, "operation": "bes-status"})
    assert page.status == 502
    assert "Nothing answers at this address. Is the gateway up?" in page.text
    assert "Traceback" not in console.log.read_text()


def test_a_prepared_call_does_not_show_its_keys() -> None:
    form = {**FORM, "operation": "bes-status", "authorization": API_KEY, "subscription_key": SUBSCRIPTION_KEY}
    shown = repr(prepare(form, "http://127.0.0.1:1"))
    assert API_KEY not in shown
    assert SUBSCRIPTION_KEY not in shown


def test_every_operation_lacks_something_in_an_empty_form() -> None:
    for operation in OPERATIONS:
        with pytest.raises(FormProblems) as caught:
            prepare({"operation": operation.id}, "http://127.0.0.1:1")
        assert {"workspace", "service"} <= {problem.field for problem in caught.value.problems}


@pytest.mark.parametrize(
    "url", ["http://user:secret@127.0.0.1:1", "http://127.0.0.1:1/?a=b", "ftp://127.0.0.1", "here"]
)
def test_gateway_address_with_more_than_an_address_is_refused_at_start(tmp_path: Path, url: str) -> None:
    with service_process(tmp_path, gateway_url=url) as address:
        assert address == ""
    assert "BATCH_SCORING_SERVICE_GATEWAY_URL" in (tmp_path / "service.log").read_text()
